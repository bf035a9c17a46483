// The border between networks, which are channels-last and may have a precision of their own, and the flow's
// state, which is contiguous; and the convolution that both use.
#pragma once

#include <ATen/ATen.h>
#include <torch/csrc/autograd/custom_function.h>

#include <cstdint>
#include <optional>

namespace cnf::libtorch {

/// An intermediate result that nobody but the caller's argument holds.
inline bool is_only_ours(const at::Tensor& x) {
  return x.use_count() == 1 && x.storage().use_count() == 1 && !(x.requires_grad() && x.is_leaf());
}

/// Such a result, so large that to change it in place is worth several operations; without gradients.
inline bool is_large_and_ours(const at::Tensor& x) {
  return !at::GradMode::is_enabled() && x.numel() > std::int64_t{1} << 21 && x.is_contiguous() &&
         is_only_ours(x);
}

/// at::conv2d. A single small image it would give to BLAS on the CPU, whose own threads wait beside LibTorch's and
/// take several times as long as the convolution: without gradients oneDNN does it, as it does all larger ones.
inline at::Tensor conv2d(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias,
                         std::int64_t stride, std::int64_t padding) {
  const bool is_single = x.size(0) == 1 && x.is_cpu() && x.scalar_type() == at::kFloat && x.numel() > 0;
  if (is_single && at::hasMKLDNN() && !at::GradMode::is_enabled())
    return at::mkldnn_convolution(x, weight, bias, {padding, padding}, {stride, stride}, {1, 1}, 1);
  return at::conv2d(x, weight, bias, stride, padding);
}

/// From the state, or a feature map, to a network with this parameter; undefined stays undefined.
inline at::Tensor to_network(const at::Tensor& x, std::optional<at::ScalarType> precision,
                             const at::Tensor& parameter) {
  if (!x.defined()) return x;
  return x.to(precision.value_or(parameter.scalar_type()), false, false, at::MemoryFormat::ChannelsLast);
}

/// From a network to the state. Its gradient enters the network channels-last: a convolution's backward pass
/// keeps the layout of what it is given, and everything before it would go from one layout to the other.
struct LeaveNetwork : torch::autograd::Function<LeaveNetwork> {
  /// As LibTorch's custom functions have it.
  static at::Tensor forward(torch::autograd::AutogradContext* context, const at::Tensor& raw,
                            at::ScalarType state) {
    context->saved_data["network"] = std::int64_t(raw.scalar_type());
    // never the argument itself
    return raw.to(state, /*non_blocking=*/false, /*copy=*/true, at::MemoryFormat::Contiguous);
  }
  /// As LibTorch's custom functions have it.
  static torch::autograd::tensor_list backward(torch::autograd::AutogradContext* context,
                                               torch::autograd::tensor_list grads) {
    const auto network = at::ScalarType(context->saved_data["network"].toInt());
    return {grads[0].to(network, false, false, at::MemoryFormat::ChannelsLast), {}};
  }
};

}  // namespace cnf::libtorch
