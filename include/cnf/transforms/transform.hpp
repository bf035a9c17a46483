// The transform contract: a monotone map of one number whose parameters a network says, or learns once. Couplings and
// elementwise layers are made of them (layers/transform_coupling.hpp, checkerboard_coupling.hpp, elementwise.hpp).
//
//   struct T {
//     static std::string describe();
//     static constexpr int per_channel;        // how many parameters a number has
//     template <class B> static Transformed<B> forward(const Tensor& x, const Tensor& raw);
//     template <class B> static Tensor inverse(const Tensor& y, const Tensor& raw);
//   };
//
// raw: (N, per_channel * C, H, W), or, in elementwise layers, (1, per_channel * C, 1, 1) for all pixels of all samples;
// parameter k of channel c is channel k * C + c. Any finite raw is a valid map; raw = 0 is one close to the identity.
#pragma once

#include <utility>

namespace cnf {

template <class B>
struct Transformed {
  typename B::Tensor y, log_slope;  // log_slope: log dy/dx of every number, nats
};

namespace detail {

/// A transform that backends compute from its `shape`.
template <class Transform>
struct BackendTransform {
  template <class B>
  static Transformed<B> forward(const typename B::Tensor& x, const typename B::Tensor& raw) {
    auto [y, log_slope] = B::transformed(x, raw, Transform::shape);
    return {std::move(y), std::move(log_slope)};
  }
  template <class B>
  static typename B::Tensor inverse(const typename B::Tensor& y, const typename B::Tensor& raw) {
    return B::restored(y, raw, Transform::shape);
  }
};

}  // namespace detail
}  // namespace cnf
