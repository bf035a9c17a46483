// What networks are made of on LibTorch: convolutions and normalisations, channels-last, in a precision of their own; the
// flow's state is contiguous.
#pragma once

#include <ATen/ATen.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "cnf/backend/libtorch/cast_once.hpp"
#include "cnf/backend/libtorch/instance_norm.hpp"
#include "cnf/backend/libtorch/joint_conv.hpp"
#include "cnf/backend/libtorch/layout.hpp"

namespace cnf::libtorch {

struct Networks {
  using Tensor = at::Tensor;
  using Parameter = at::Tensor;

  /// In which precision networks compute; none: in that of their parameters.
  using Precision = std::optional<at::ScalarType>;

  /// x as a network with this parameter wants it.
  static Tensor to_network(const Tensor& x, const Precision& precision, const Parameter& p) {
    return libtorch::to_network(x, precision, p);
  }
  /// A feature map laid out for all networks that will read it.
  static Tensor map_for_networks(const Tensor& map) { return map.contiguous(at::MemoryFormat::ChannelsLast); }
  /// What a network returned, as the flow's state wants it.
  static Tensor to_state(const Tensor& raw, const Tensor& like) {
    return LeaveNetwork::apply(raw, like.scalar_type());
  }
  /// A convolution in the precision of x; `bias` may be null.
  static Tensor conv2d(const Tensor& x, const Parameter& weight, const Parameter* bias, int stride,
                       int padding) {
    return libtorch::conv2d(x, cast(weight, x.scalar_type()), bias ? cast(*bias, x.scalar_type()) : Tensor(),
                            stride, padding);
  }
  /// conv(h, weight) + bias for each of several weights, without history.
  static std::vector<Tensor> shared_convs(const Tensor& h, const std::vector<Parameter>& weights,
                                          const std::vector<Parameter>& biases, int padding,
                                          const Precision& precision) {
    at::NoGradGuard no_grad;
    const auto input = to_network(h, precision, weights[0]);
    std::vector<std::int64_t> sizes;
    std::vector<Tensor> w, b;
    for (std::size_t i = 0; i < weights.size(); ++i) {
      sizes.push_back(weights[i].size(0));
      w.push_back(cast(weights[i], input.scalar_type()));
      b.push_back(cast(biases[i], input.scalar_type()));
    }
    return libtorch::conv2d(input, at::cat(w), at::cat(b), 1, padding).split_with_sizes(sizes, 1);
  }
  /// conv(z, weight) + conv(h, features) + bias of a network; `shared`, where there is one, is the second with
  /// the bias, from as many samples as z or from fewer. Without z: the second alone, which needs `shared`.
  static Tensor joint_conv(const Tensor& z, const Parameter& weight, const Tensor& h,
                           const Parameter& features, const Parameter& bias, const Tensor* shared,
                           int padding, const Precision& precision) {
    return libtorch::joint_conv(z, weight, h, features, bias, shared, padding, precision);
  }
  /// Zero mean and unit variance over the channels of each pixel, then scaled and shifted.
  static Tensor layer_norm(const Tensor& x, const Parameter& scale, const Parameter& shift) {
    return at::layer_norm(x.permute({0, 2, 3, 1}), {x.size(1)}, cast(scale, x.scalar_type()),
                          cast(shift, x.scalar_type()))
        .permute({0, 3, 1, 2});
  }
  /// Zero mean and unit variance per sample and channel.
  static Tensor instance_norm(const Tensor& x) { return InstanceNorm::apply(x); }
};

}  // namespace cnf::libtorch
