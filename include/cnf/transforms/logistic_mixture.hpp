// The mixture-of-logistics map of Flow++ (Ho et al., 2019): the distribution function of a mixture, back to the whole line,
// and an affine map.
//
//   F(x) = sum_i p_i sig((x - m_i) / s_i),   y = exp(a) logit F(x) + b
//   log dy/dx = log f - log F - log(1 - F) + a,   f = dF/dx      all by log-sum-exp, so that tails are exact
//
// Raw parameters of a number: Components logits of p, means m (plus centres evenly on [-2, 2], so that components differ from
// the start), log s = 3 tanh(raw / 3); then a = 2 tanh(raw / 2), and b.
//
// Inverse: with t = (y - b) exp(-a), logit F(x) = t has its root between the smallest and the largest m_i + s_i t, where all
// components are on one side of sig(t). Bisection there until Newton's steps stay inside and are small: to 1e-6 in float, 1e-12
// in double, relative where numbers are larger than 1. Where the map is so flat that rounding y alone costs more, to that: times
// (|y| + 10) / slope.
#pragma once

#include <string>

#include "cnf/transforms/transform.hpp"

namespace cnf {

/// What backends need to know of a mixture.
struct MixtureShape {
  /// How many logistics.
  int components;

  /// Of |log s| and of |a|.
  static constexpr double scale_bound = 3, slope_bound = 2;
  constexpr int parameters() const { return 3 * components + 2; }
  /// Where a component starts.
  double centre(int component) const { return components < 2 ? 0 : 4.0 * component / (components - 1) - 2; }
};

template <int Components = 4>
struct LogisticMixture : detail::BackendTransform<LogisticMixture<Components>> {
  static_assert(Components >= 1 && Components <= 100, "cnf: a mixture has 1 to 100 components");

  /// For the backend.
  static constexpr MixtureShape shape{Components};
  static constexpr int per_channel = shape.parameters();

  static std::string parameters_text() { return std::to_string(Components); }
  static std::string describe() { return "LogisticMixture<" + parameters_text() + ">"; }
  static constexpr auto coupling = "MixtureCoupling";
  static constexpr auto elementwise = "Mixture";
};

}  // namespace cnf
