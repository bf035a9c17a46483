// Gradients of gradients of an operation with a backward pass of its own: those of its definition in ATen's operations.
#pragma once

#include <ATen/ATen.h>
#include <torch/csrc/autograd/autograd.h>

#include <array>
#include <cstddef>

namespace cnf::libtorch::detail {

/// Of two inputs, with history, from the gradients of outputs that were computed from them; undefined for an input that
/// needs none.
inline std::array<at::Tensor, 2> differentiated(const torch::autograd::variable_list& outputs,
                                                const torch::autograd::variable_list& grads,
                                                const std::array<at::Tensor, 2>& inputs) {
  torch::autograd::variable_list wanted;
  for (const auto& input : inputs)
    if (input.requires_grad()) wanted.push_back(input);
  const auto found =
      torch::autograd::grad(outputs, wanted, grads, /*retain_graph=*/true, /*create_graph=*/true,
                            /*allow_unused=*/true);
  std::array<at::Tensor, 2> all;
  std::size_t next = 0;
  for (std::size_t i = 0; i < inputs.size(); ++i)
    if (inputs[i].requires_grad()) all[i] = found[next++];
  return all;
}

}  // namespace cnf::libtorch::detail
