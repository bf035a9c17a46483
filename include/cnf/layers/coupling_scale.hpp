// The scale functions of affine couplings, by name: from a network's raw output r to log s. All are the
// identity (s = 1) or nearly so where the network starts, r = 0.
//
//   TanhScale       log s = 2 tanh(r / 2)           bounded both ways, its inverse too: the default; BoundedScale<2>
//   SigmoidScale    s = sigmoid(r + 2)              (Glow's code)
//   SoftplusScale   s = softplus(r + log(e - 1))
//   ExpScale        s = exp(r)                      (Real NVP)
#pragma once

#include <cmath>
#include <numbers>
#include <string>

namespace cnf {

/// log s within +-Alpha.
template <int Alpha>
struct BoundedScale {
  static_assert(Alpha > 0, "cnf: BoundedScale<Alpha> bounds log s by a positive Alpha");
  static std::string describe() { return "BoundedScale<" + std::to_string(Alpha) + ">"; }
  static constexpr double bound = Alpha;
  template <class B>
  static typename B::Tensor log_scale(const typename B::Tensor& raw) {
    return B::tanh(raw * (1.0 / Alpha)) * double(Alpha);
  }
};

using TanhScale = BoundedScale<2>;

struct SigmoidScale {
  static std::string describe() { return "SigmoidScale"; }
  template <class B>
  static typename B::Tensor log_scale(const typename B::Tensor& raw) {
    return -B::softplus(-raw - 2.0);
  }
};

struct SoftplusScale {
  static std::string describe() { return "SoftplusScale"; }
  template <class B>
  static typename B::Tensor log_scale(const typename B::Tensor& raw) {
    return B::log(B::softplus(raw + std::log(std::numbers::e - 1)));
  }
};

struct ExpScale {
  static std::string describe() { return "ExpScale"; }
  template <class B>
  static typename B::Tensor log_scale(const typename B::Tensor& raw) {
    return raw;
  }
};

}  // namespace cnf
