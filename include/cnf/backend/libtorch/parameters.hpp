// The parameters of a model on LibTorch: at::Tensors, registered in a torch::nn::Module; how layers make them, and how
// checkpoints read and write them.
#pragma once

#include <ATen/ATen.h>
#include <torch/nn/module.h>

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "cnf/backend/host_numbers.hpp"
#include "cnf/core/dtype.hpp"

namespace cnf::libtorch {

struct Parameters {
  using Parameter = at::Tensor;
  using Numbers = at::Tensor;
  using Matrix = at::Tensor;
  using Module = torch::nn::Module;

  /// The child of that name; made where there is none.
  static Module& child(Module& parent, const std::string& name) {
    const auto children = parent.named_children();
    if (const auto* known = children.find(name)) return **known;
    return *parent.register_module(name, std::make_shared<Module>());
  }

  /// Without values: all 0.
  static Parameter add_parameter(Module& module, const std::string& name, const std::vector<long>& sizes,
                                 std::vector<double> values, bool trained) {
    const std::vector<std::int64_t> shape(sizes.begin(), sizes.end());
    auto tensor = values.empty() ? at::zeros(shape, at::kDouble)
                                 : at::from_blob(values.data(), shape, at::kDouble).clone();
    if (shape.size() == 4) tensor = tensor.contiguous(at::MemoryFormat::ChannelsLast);
    return trained ? module.register_parameter(name, std::move(tensor))
                   : module.register_buffer(name, std::move(tensor));
  }

  /// Not a buffer.
  static bool is_trained(const Parameter& p) { return p.requires_grad(); }
  /// Whether the module is in training mode.
  static bool training(const Module& module) { return module.is_training(); }
  /// All its numbers.
  static void set(const Parameter& p, double value) {
    at::NoGradGuard no_grad;
    p.fill_(value);
  }
  /// Its first number.
  static double first(const Parameter& p) { return p.view({-1})[0].item<double>(); }
  /// As a number per channel.
  static at::Tensor vector(const Parameter& p) { return p; }
  /// As a matrix.
  static Matrix matrix(const Parameter& p) { return p; }

  /// Calls visit(dotted name, parameter) for everything that a checkpoint holds.
  template <class Visit>
  static void for_each_parameter(const Module& module, const Visit& visit) {
    for (const auto& p : module.named_parameters()) visit(p.key(), p.value());
    for (const auto& b : module.named_buffers()) visit(b.key(), b.value());
  }
  /// Its element type.
  static DType dtype(const Parameter& p) {
    return p.scalar_type() == at::kDouble     ? DType::f64
           : p.scalar_type() == at::kBFloat16 ? DType::bf16
                                              : DType::f32;
  }
  /// Its sizes.
  static std::vector<long> sizes(const Parameter& p) { return {p.sizes().begin(), p.sizes().end()}; }
  /// Numbers for a parameter: fill(first, count, to) writes some of them, in row-major order, to floats or doubles.
  template <class Fill>
  static Numbers numbers(const Parameter& p, const Fill& fill) {
    const auto t = at::empty(p.sizes(), p.scalar_type() == at::kDouble ? at::kDouble : at::kFloat);
    if (t.scalar_type() == at::kDouble)
      fill(0L, long(t.numel()), t.data_ptr<double>());
    else
      fill(0L, long(t.numel()), t.data_ptr<float>());
    return t;
  }
  /// Makes the parameter's numbers these.
  static void assign(const Parameter& p, const Numbers& numbers) {
    at::NoGradGuard no_grad;
    p.copy_(numbers);
  }
  /// The same, from the host.
  static void assign(const Parameter& p, const std::vector<double>& values) {
    expect_numbers(long(p.numel()), long(values.size()));
    assign(p, numbers(p, HostNumbers{values}));
  }
};

}  // namespace cnf::libtorch
