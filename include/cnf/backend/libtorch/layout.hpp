// The border between networks, which are channels-last and may have a precision of their own, and the flow's
// state, which is contiguous.
#pragma once

#include <ATen/ATen.h>
#include <torch/csrc/autograd/custom_function.h>

#include <optional>

namespace cnf::libtorch {

/// From the state, or a feature map, to a network with this parameter; undefined stays undefined.
inline at::Tensor to_network(const at::Tensor& x, std::optional<at::ScalarType> precision,
                             const at::Tensor& parameter) {
  if (!x.defined()) return x;
  return x.to(precision.value_or(parameter.scalar_type()), false, false, at::MemoryFormat::ChannelsLast);
}

/// From a network to the state. Its gradient enters the network channels-last: a convolution's backward pass
/// keeps the layout of what it is given, and everything before it would go from one layout to the other.
struct LeaveNetwork : torch::autograd::Function<LeaveNetwork> {
  static at::Tensor forward(torch::autograd::AutogradContext* context, const at::Tensor& raw,
                            at::ScalarType state) {
    context->saved_data["network"] = std::int64_t(raw.scalar_type());
    // never the argument itself
    return raw.to(state, /*non_blocking=*/false, /*copy=*/true, at::MemoryFormat::Contiguous);
  }
  static torch::autograd::tensor_list backward(torch::autograd::AutogradContext* context,
                                               torch::autograd::tensor_list grads) {
    const auto network = at::ScalarType(context->saved_data["network"].toInt());
    return {grads[0].to(network, false, false, at::MemoryFormat::ChannelsLast), {}};
  }
};

}  // namespace cnf::libtorch
