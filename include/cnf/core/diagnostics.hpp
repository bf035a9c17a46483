// Where a wrong flow is reported: one static_assert sentence, and an instantiation that names index, layer,
// shape and features.
//
//   error: static assertion failed: cnf: Squeeze halves height and width, so both must be even (...)
//   required from struct cnf::check_layer_accepts_input<0, cnf::Squeeze, cnf::Shape<3, 33, 32>, ...>
//
// Every layer states its own sentences in `On<In, F>::check()`; this is the one place that calls them.
#pragma once

#include "cnf/core/kinds.hpp"

namespace cnf {

/// Instantiating it reports what is wrong with Layer (number Index of its sequence) on input In with features
/// F.
template <int Index, class Layer, class In, class F>
struct check_layer_accepts_input {
  static_assert(detail::layer_on<Layer, In, F>::check(), "cnf: this layer does not accept this input");
};

namespace detail {

/// What every conditional layer checks: that its map is there, once.
template <class F, class In>
consteval bool check_feature_map() {
  using map = matching_map<F, In>;
  static_assert(
      F::count == 0 || map::count > 0,
      "cnf: no feature map has the height and width of this layer: give one map per resolution at which a "
      "coupling, split or prior acts, or Features<> for an unconditional flow");
  static_assert(map::count < 2,
                "cnf: two feature maps have the height and width of this layer: give one map per resolution");
  return true;
}

}  // namespace detail
}  // namespace cnf
