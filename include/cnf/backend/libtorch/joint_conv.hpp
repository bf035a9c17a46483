// conv(z, weight) + conv(h, features) + bias, where the second part may be known already ("condition once",
// core/conditions.hpp).
//
// A known part has no history, so nothing of all the steps' parts is kept for gradients or summed up in them:
// the gradients of h and of `features` are those of an ordinary convolution.
#pragma once

#include <ATen/ATen.h>
#include <torch/csrc/autograd/custom_function.h>

#include <optional>
#include <tuple>

#include "cnf/backend/libtorch/cast_once.hpp"
#include "cnf/backend/libtorch/images.hpp"
#include "cnf/backend/libtorch/layout.hpp"

namespace cnf::libtorch {

namespace detail {

/// y += shared, each sample of it r times in a row, where y has r times as many.
inline void add_repeated(at::Tensor& y, const at::Tensor& shared) {
  const auto n = shared.size(0), r = y.size(0) / n;
  if (r == 1)
    y.add_(shared);
  else
    y.view({n, r, y.size(1), y.size(2), y.size(3)}).add_(shared.unsqueeze(1));
}

inline at::Tensor with_shared(const at::Tensor& z, const at::Tensor& weight, const at::Tensor& shared,
                              std::int64_t samples, int padding) {
  if (!z.defined()) return Images::repeat_samples(shared, long(samples / shared.size(0)));
  auto y = conv2d(z, weight, {}, 1, padding);
  add_repeated(y, shared);
  return y;
}

/// Gradients of a convolution: of x, weight and bias; those not wanted are undefined.
inline std::tuple<at::Tensor, at::Tensor, at::Tensor> conv_gradients(const at::Tensor& grad,
                                                                     const at::Tensor& x,
                                                                     const at::Tensor& weight, int padding,
                                                                     std::array<bool, 3> wanted) {
  const std::vector<std::int64_t> bias_sizes{weight.size(0)};
  return at::convolution_backward(grad, x, weight, at::OptionalIntArrayRef(bias_sizes), {1, 1},
                                  {padding, padding}, {1, 1}, false, {0, 0}, 1, wanted);
}

struct JointConv : torch::autograd::Function<JointConv> {
  static at::Tensor forward(torch::autograd::AutogradContext* context, const at::Tensor& z,
                            const at::Tensor& weight, const at::Tensor& h, const at::Tensor& features,
                            const at::Tensor& bias, const at::Tensor& shared, std::int64_t padding) {
    context->save_for_backward({z, weight, h, features});
    context->saved_data["padding"] = padding;
    context->saved_data["z"] = z.requires_grad();
    context->saved_data["h"] = h.requires_grad();
    static_cast<void>(bias);
    return with_shared(z, weight, shared, h.size(0), int(padding));
  }

  static torch::autograd::tensor_list backward(torch::autograd::AutogradContext* context,
                                               torch::autograd::tensor_list grads) {
    const auto saved = context->get_saved_variables();
    const auto &z = saved[0], &weight = saved[1], &h = saved[2], &features = saved[3];
    const int padding = int(context->saved_data["padding"].toInt());
    const auto grad = grads[0].contiguous(at::MemoryFormat::ChannelsLast);
    auto [of_z, of_weight, none] =
        conv_gradients(grad, z, weight, padding, {context->saved_data["z"].toBool(), true, false});
    auto [of_h, of_features, of_bias] =
        conv_gradients(grad, h, features, padding, {context->saved_data["h"].toBool(), true, true});
    return {of_z, of_weight, of_h, of_features, of_bias, {}, {}};
  }
};

}  // namespace detail

/// conv(state, weight) + conv(map, features) + bias.
inline at::Tensor joint_conv(const at::Tensor& state, const at::Tensor& weight, const at::Tensor& map,
                             const at::Tensor& features, const at::Tensor& bias, const at::Tensor* shared,
                             int padding, std::optional<at::ScalarType> precision) {
  const auto dtype = precision.value_or(bias.scalar_type());
  const auto z = to_network(state, precision, bias);
  const auto first = z.defined() ? cast(weight, dtype) : at::Tensor();
  // here the map itself is not needed
  if (shared && !at::GradMode::is_enabled())
    return detail::with_shared(z, first, *shared, map.size(0), padding);
  const auto h = to_network(map, precision, bias);
  if (!shared)
    return conv2d(z, first, {}, 1, padding)
        .add_(conv2d(h, cast(features, dtype), cast(bias, dtype), 1, padding));
  return detail::JointConv::apply(z, first, h, cast(features, dtype), cast(bias, dtype), *shared,
                                  std::int64_t(padding));
}

}  // namespace cnf::libtorch
