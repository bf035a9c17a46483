// What a split or prior does to the state, in one operation forward, one backward and one inverse (layers/split.hpp):
//
//   z = [k, w]  ->  k,  e = (w - mu) exp(-log_sigma),  log|det| = -sum log_sigma,   log_sigma = bound tanh(r / bound)
//
// with [mu, r] from the network; a prior keeps nothing. On CUDA each is a kernel; elsewhere, and for gradients of
// gradients, ATen's operations.
#pragma once

#include <ATen/ATen.h>
#include <torch/csrc/autograd/custom_function.h>

#include <algorithm>

#include "cnf/backend/libtorch/double_backward.hpp"
#include "cnf/backend/libtorch/launch.hpp"
#include "cnf/backend/libtorch/layout.hpp"

namespace cnf::libtorch {

/// What is kept, the standard normal rest, and log|det|.
struct Whitened {
  at::Tensor kept, e, log_det;  // kept: undefined where nothing is
};

namespace detail {

/// The definition, which LibTorch differentiates.
inline Whitened whitened_plainly(const at::Tensor& z, const at::Tensor& raw, std::int64_t kept,
                                 double bound) {
  const auto count = z.size(1) - kept;
  const auto said = LeaveNetwork::apply(raw, z.scalar_type());
  const auto log_sigma = at::tanh(said.narrow(1, count, count) / bound) * bound;
  return {kept > 0 ? z.narrow(1, 0, kept) : at::Tensor(),
          (z.narrow(1, kept, count) - said.narrow(1, 0, count)) * at::exp(-log_sigma),
          -log_sigma.sum({1, 2, 3})};
}

struct Whiten : torch::autograd::Function<Whiten> {
  static torch::autograd::tensor_list forward(torch::autograd::AutogradContext* context, const at::Tensor& z,
                                              const at::Tensor& raw, std::int64_t kept, double bound) {
    context->save_for_backward({z, raw});
    context->saved_data["kept"] = kept;
    context->saved_data["bound"] = bound;
    const auto n = z.size(0), channels = z.size(1), area = z.size(2) * z.size(3);
    const auto chunks = std::max<std::int64_t>(1, channels * area / 2048);
    auto stays = at::empty({n, kept, z.size(2), z.size(3)}, z.options()),
         e = at::empty({n, channels - kept, z.size(2), z.size(3)}, z.options()),
         parts = at::empty({n, chunks}, z.options());
    launch<kernels::whiten>({.like = z, .blocks = n * chunks, .shared = 256, .network = raw.scalar_type()},
                            z.data_ptr(), raw.data_ptr(), stays.data_ptr(), e.data_ptr(), parts.data_ptr(),
                            channels, kept, area, bound, chunks);
    return {stays, e, chunks == 1 ? parts.view({n}) : parts.sum(1)};
  }

  static torch::autograd::tensor_list backward(torch::autograd::AutogradContext* context,
                                               torch::autograd::tensor_list grads) {
    const auto saved = context->get_saved_variables();
    const auto &z = saved[0], &raw = saved[1];
    const auto kept = context->saved_data["kept"].toInt();
    const double bound = context->saved_data["bound"].toDouble();
    if (at::GradMode::is_enabled()) {  // gradients of gradients
      const auto plain = whitened_plainly(z, raw, kept, bound);
      torch::autograd::tensor_list outputs{plain.e, plain.log_det}, given{grads[1], grads[2]};
      if (kept > 0) {
        outputs.push_back(plain.kept);
        given.push_back(grads[0]);
      }
      const auto [of_z, of_raw] = differentiated(outputs, given, {z, raw});
      return {of_z, of_raw, {}, {}};
    }
    const auto of_kept = grads[0].contiguous(), of_e = grads[1].contiguous();
    auto of_z = at::empty(z.sizes(), z.options());
    auto of_raw = at::empty(raw.sizes(), raw.options(), at::MemoryFormat::ChannelsLast);
    launch<kernels::whiten_backward>(
        {.like = z, .blocks = blocks_for(z.numel()), .network = raw.scalar_type()}, z.data_ptr(),
        raw.data_ptr(), of_kept.data_ptr(), of_e.data_ptr(), grads[2].data_ptr(), grads[2].stride(0),
        of_z.data_ptr(), of_raw.data_ptr(), z.size(1), kept, z.size(2) * z.size(3), bound, z.numel());
    return {of_z, of_raw, {}, {}};
  }
};

}  // namespace detail

/// From z and a network's output for it.
inline Whitened whitened(const at::Tensor& z, const at::Tensor& raw, std::int64_t kept, double bound) {
  if (!is_fused(z, raw.scalar_type())) return detail::whitened_plainly(z, raw, kept, bound);
  const auto all =
      detail::Whiten::apply(z.contiguous(), raw.contiguous(at::MemoryFormat::ChannelsLast), kept, bound);
  return {kept > 0 ? all[0] : at::Tensor(), all[1], all[2]};
}

/// z again; `kept` undefined where nothing was.
inline at::Tensor coloured(const at::Tensor& kept, const at::Tensor& e, const at::Tensor& raw, double bound) {
  if (at::GradMode::is_enabled() || !is_fused(e, raw.scalar_type())) {
    const auto said = LeaveNetwork::apply(raw, e.scalar_type());
    const auto log_sigma = at::tanh(said.narrow(1, e.size(1), e.size(1)) / bound) * bound;
    const auto w = at::addcmul(said.narrow(1, 0, e.size(1)), e, log_sigma.exp());
    return kept.defined() ? at::cat({kept, w}, 1) : w;
  }
  const auto k = kept.defined() ? kept.contiguous() : at::Tensor();
  const auto noise = e.contiguous(), said = raw.contiguous(at::MemoryFormat::ChannelsLast);
  const auto stays = k.defined() ? k.size(1) : 0;
  auto z = at::empty({e.size(0), stays + e.size(1), e.size(2), e.size(3)}, e.options());
  launch<kernels::colour>({.like = z, .blocks = blocks_for(z.numel()), .network = said.scalar_type()},
                          k.defined() ? k.data_ptr() : nullptr, noise.data_ptr(), said.data_ptr(),
                          z.data_ptr(), z.size(1), stays, z.size(2) * z.size(3), bound, z.numel());
  return z;
}

}  // namespace cnf::libtorch
