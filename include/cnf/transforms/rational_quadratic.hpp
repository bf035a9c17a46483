// Monotone rational-quadratic splines (Durkan et al., Neural spline flows, 2019; after Gregory and Delbourgo, 1982).
//
// Bins pieces on the interval [low, high], which is mapped to itself; the identity outside, with slope 1 where they meet.
// In bin k, from the knot (x_k, y_k) to the next, of width w, height h and slopes d0, d1 at its knots:
//
//   s = h / w,  t = (x - x_k) / w,  q = s + (d0 + d1 - 2 s) t (1 - t)
//   y = y_k + h (s t^2 + d0 t (1 - t)) / q
//   dy/dx = s^2 (d1 t^2 + 2 s t (1 - t) + d0 (1 - t)^2) / q^2
//
// The inverse is the root of a quadratic equation, exact. Raw parameters of a number: Bins widths and Bins heights, shares of
// the interval by softmax, each at least `smallest`; Bins - 1 slopes at the knots, softplus + smallest, `largest`
// at most. Raw zero is the identity.
#pragma once

#include <cmath>
#include <string>

#include "cnf/transforms/transform.hpp"

namespace cnf {

/// [Low, High], of integers.
template <int Low, int High>
struct Interval {
  /// The interval.
  static constexpr int low = Low, high = High;
  static std::string describe() {
    return "Interval<" + std::to_string(Low) + ", " + std::to_string(High) + ">";
  }
};

/// What backends need to know of a spline.
struct SplineShape {
  /// How many pieces.
  int bins;
  /// The interval.
  double low, high;

  /// Width, height and slope of a bin at least.
  static constexpr double smallest = 1e-3;
  /// Slope at a knot at most.
  static constexpr double largest = 1e3;
  /// softplus(raw + slope_offset()) + smallest is 1 for raw = 0.
  static double slope_offset() { return std::log(std::expm1(1 - smallest)); }
  constexpr int parameters() const { return 3 * bins - 1; }
};

template <int Bins = 8, class On = Interval<-4, 4>>
struct RationalQuadratic : detail::BackendTransform<RationalQuadratic<Bins, On>> {
  static_assert(Bins >= 2 && Bins <= 500,
                "cnf: a spline has 2 to 500 bins: one alone would have nothing to learn");
  static_assert(On::low < On::high, "cnf: a spline acts on an interval Interval<Low, High> with Low < High");

  /// For the backend.
  static constexpr SplineShape shape{Bins, On::low, On::high};
  static constexpr int per_channel = shape.parameters();

  /// The parameters of this template as text: "8", "8, Interval<-3, 3>".
  static std::string parameters_text() {
    return std::to_string(Bins) + (On::low == -4 && On::high == 4 ? "" : ", " + On::describe());
  }
  static std::string describe() { return "RationalQuadratic<" + parameters_text() + ">"; }
  static constexpr auto coupling = "SplineCoupling";
  static constexpr auto elementwise = "Spline";
};

}  // namespace cnf
