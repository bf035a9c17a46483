// y = s x + t, log s from a raw number by a scale function (layers/coupling_scale.hpp).
#pragma once

#include "cnf/layers/coupling_scale.hpp"
#include "cnf/transforms/transform.hpp"

namespace cnf {

/// y = x exp(log_scale) + shift.
template <class Scale = TanhScale>
struct AffineTransform {
  static std::string describe() { return "AffineTransform<" + Scale::describe() + ">"; }
  static constexpr int per_channel = 2;

  template <class B>
  static Transformed<B> forward(const typename B::Tensor& x, const typename B::Tensor& raw) {
    const int channels = int(B::channels(x));
    auto log_s = Scale::template log_scale<B>(B::channels_of(raw, 0, channels));
    return {B::exp(log_s) * x + B::channels_of(raw, channels, channels), log_s};
  }
  template <class B>
  static typename B::Tensor inverse(const typename B::Tensor& y, const typename B::Tensor& raw) {
    const int channels = int(B::channels(y));
    return (y - B::channels_of(raw, channels, channels)) *
           B::exp(-Scale::template log_scale<B>(B::channels_of(raw, 0, channels)));
  }
};

}  // namespace cnf
