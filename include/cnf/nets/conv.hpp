// Convolutions that networks are made of, and their arithmetic.
//
//   Conv<B>(scope, {.in = 3, .out = 128})    3x3, keeps the size; weight (out, in, k, k), bias (out)
//   JointConv<B>(scope, {...}, condition)    convolves [z, h], as a sum of two: nothing is concatenated
//
// They compute in the precision that the scope names for networks.
//
// Weights start uniform on +-1/sqrt(fan-in) (LibTorch's default), or at zero.
#pragma once

#include <cmath>

#include "cnf/core/layer.hpp"

namespace cnf {

/// What a convolution is.
struct ConvShape {
  /// Channels.
  int in = 0;
  /// Channels.
  int out = 0;
  /// Pixels of a side.
  int kernel = 3;
  /// Pixels.
  int stride = 1;
  /// Whether it starts at zero.
  bool zero = false;

  /// Zeros around the map, pixels.
  constexpr int padding() const { return stride == 1 ? kernel / 2 : 0; }
  /// How many, without the bias.
  constexpr long weights() const { return long{in} * out * kernel * kernel; }
  constexpr long parameters() const { return weights() + out; }
};

namespace detail {

template <class B>
typename B::Parameter conv_parameter(const Scope<B>& scope, const std::string& name,
                                     const std::vector<long>& sizes, int fan_in, bool zero) {
  if (zero) return scope.parameter(name, sizes, initial::zeros);
  return scope.parameter(name, sizes, initial::uniform(1 / std::sqrt(double(fan_in))));
}

}  // namespace detail

template <class B>
struct Conv {
  /// What it is.
  ConvShape shape;
  /// Registered as "weight" and "bias".
  typename B::Parameter weight, bias;
  /// In which it is computed.
  typename B::Precision precision;

  /// With initial values as torch.nn has them, or zero.
  Conv(Scope<B> scope, ConvShape s)
      : shape(s),
        weight(detail::conv_parameter(scope, "weight", {s.out, s.in, s.kernel, s.kernel}, fan_in(s), s.zero)),
        bias(detail::conv_parameter(scope, "bias", {s.out}, fan_in(s), s.zero)),
        precision(scope.networks()) {}

  /// The convolution of x.
  typename B::Tensor operator()(const typename B::Tensor& x) const {
    return B::conv2d(B::to_network(x, precision, weight), weight, &bias, shape.stride, shape.padding());
  }

  /// Numbers that one output sees.
  static int fan_in(const ConvShape& s) { return s.in * s.kernel * s.kernel; }
};

/// The first convolution of a network inside a layer. shape.in counts the channels of z; `condition` those of
/// the feature map. Either may be zero, not both. What it does to the map is shared: core/conditions.hpp.
template <class B>
struct JointConv {
  /// What it is, of the state's channels.
  ConvShape shape;
  /// Channels of the feature map.
  int condition;
  /// Of the state, of the feature map, and of both.
  typename B::Parameter weight, features, bias;
  /// In which it is computed.
  typename B::Precision precision;
  /// Where its part of the feature map's convolution is.
  typename Conditions<B>::Slot slot;

  /// Of a state and a feature map.
  JointConv(Scope<B> scope, ConvShape s, int condition_channels)
      : shape(s), condition(condition_channels), precision(scope.networks()) {
    const int fan_in = (s.in + condition) * s.kernel * s.kernel;
    if (s.in > 0)
      weight = detail::conv_parameter(scope, "weight", {s.out, s.in, s.kernel, s.kernel}, fan_in, s.zero);
    if (condition > 0)
      features =
          detail::conv_parameter(scope, "features", {s.out, condition, s.kernel, s.kernel}, fan_in, s.zero);
    bias = detail::conv_parameter(scope, "bias", {s.out}, fan_in, s.zero);
    if (condition > 0) slot = scope.share(features, bias, s.kernel, /*alone=*/s.in == 0);
  }

  /// The convolution of the state and the feature map, joined.
  template <class In, class Seen>
  typename B::Tensor operator()(const Batch<B, In>& z, const SeenMap<B, Seen>& h) const {
    if (condition == 0)
      return B::conv2d(B::to_network(z.data, precision, bias), weight, &bias, 1, shape.padding());
    const auto share = h.share(slot);
    if (shape.in == 0 && (!share || B::gradients_enabled()))  // a share has no history
      return B::conv2d(B::to_network(h.for_networks(), precision, bias), features, &bias, 1, shape.padding());
    return B::joint_conv(z.data, weight, h.for_networks(), features, bias, share ? &*share : nullptr,
                         shape.padding(), precision);
  }

  static constexpr long parameters(ConvShape s, int condition_channels) {
    s.in += condition_channels;
    return s.parameters();
  }
};

}  // namespace cnf
