// Targets that are real numbers already: nothing to dequantize, and the likelihood is exact.
//
// The dequantizer contract: a spec like a layer, with `describe`, `likelihood`, `On<Target, F>` (valid,
// check, parameters, multiply_adds: derive it from Elementwise<Target>) and Bound<B, Target, F> with
//   dequantize(y, features, rows) -> {v, log_det}   v real, log P(y) >= E[log p(v) + log_det]; nats per sample
//   quantize(v) -> y                                back to the alphabet, clamped to it; NaN where v is not finite
#pragma once

#include "cnf/core/layer.hpp"
#include "cnf/densities/likelihood.hpp"
#include "cnf/noise/noise_batch.hpp"

namespace cnf {

/// A continuous value for a target, and what its noise costs.
template <class B, class Target>
struct Dequantized {
  /// The value.
  Batch<B, Target> v;
  /// To add to the likelihood of the value, nats.
  typename B::PerSample log_det;
};

/// y, whose values must be integers of 0 .. levels - 1: Error otherwise. Where to look would be to wait for a device, what
/// is none becomes NaN instead, and with it the likelihood of its sample.
template <class B>
typename B::Tensor in_alphabet(const typename B::Tensor& y, int levels) {
  if constexpr (requires { B::nan_unless_integer(y, 0.0, 1.0); })
    if (B::waits_for(y)) return B::nan_unless_integer(y, 0, levels - 1);
  if (!B::all_integers_within(y, 0, levels - 1))
    throw Error("expected a target of integers from 0 to " + std::to_string(levels - 1) +
                ", got other values");
  return y;
}

struct Continuous {
  static std::string describe() { return "Continuous"; }
  static constexpr Likelihood likelihood = Likelihood::exact;

  template <class Target, class F>
  using On = Elementwise<Target>;

  template <class B, class Target, class F>
  struct Bound {
    explicit Bound(Scope<B>) {}
    Dequantized<B, Target> dequantize(const Batch<B, Target>& y, const Maps<B, F>&, const NoiseRows&) const {
      return {y, B::constant(0.0, y.data)};
    }
    Batch<B, Target> quantize(Batch<B, Target> v) const { return v; }
  };
};

}  // namespace cnf
