// Lists of shapes: the conditioning maps of a flow, and the latents that it emits.
//
//   Features<Shape<128, 16, 16>, Shape<128, 8, 8>>   one map per resolution; Features<>: an unconditional flow
//   Latents<Shape<6, 16, 16>, Shape<24, 8, 8>>       what a flow of two levels turns an image of 3x32x32 into
//
// A conditional layer reads the one map whose extents equal its own. None, or two: a compile error
// (core/diagnostics.hpp).
#pragma once

#include <algorithm>

#include "cnf/shape/shape.hpp"

namespace cnf {

template <class... S>
struct Features {
  /// How many maps.
  static constexpr int count = sizeof...(S);
};

template <class... S>
struct Latents {
  /// How many latents.
  static constexpr int count = sizeof...(S);
};

namespace detail {

template <int I, class List>
struct nth;
template <int I, template <class...> class List, class S, class... Rest>
struct nth<I, List<S, Rest...>> : nth<I - 1, List<Rest...>> {};
template <template <class...> class List, class S, class... Rest>
struct nth<0, List<S, Rest...>> {
  using type = S;
};

template <class A, class B>
struct join;
template <template <class...> class List, class... A, class... B>
struct join<List<A...>, List<B...>> {
  /// The list.
  using type = List<A..., B...>;
};

}  // namespace detail

/// Shape number I of a list, and two lists as one.
template <int I, class List>
using nth_t = typename detail::nth<I, List>::type;
/// One list after the other.
template <class A, class B>
using join_t = typename detail::join<A, B>::type;

namespace detail {

template <class List>
struct divisors;
template <template <class...> class List, class... S>
struct divisors<List<S...>> {
  static constexpr int largest = std::max({1, divisor_of(S::height)..., divisor_of(S::width)...});
};

}  // namespace detail

/// The largest divisor of the target's unknown extent in a list of shapes; 1 if all are fixed.
template <class List>
inline constexpr int largest_divisor = detail::divisors<List>::largest;

/// Which map of F a layer on In reads: how many fit, and the place of the first.
template <class F, class In>
struct matching_map;
/// The map that has the height and width of In.
template <class... S, class In>
struct matching_map<Features<S...>, In> {
  /// How many of the maps have that size.
  static constexpr int count = (0 + ... + int(same_extents<S, In>));
  /// The first that has.
  static constexpr int index = [] {
    int i = 0, found = -1;
    ((found = found < 0 && same_extents<S, In> ? i : found, ++i), ...);
    return found;
  }();
  /// An unconditional flow needs none; otherwise exactly one must fit.
  static constexpr bool found = count == 1 || sizeof...(S) == 0;
};

namespace detail {

template <class F, class In, int Index = matching_map<F, In>::index>
struct condition {
  using type = nth_t<Index, F>;
};
template <class F, class In>
struct condition<F, In, -1> {
  using type = with_channels<In, 0>;
};

}  // namespace detail

/// The shape of the map that a layer on In reads; no channels in an unconditional flow.
template <class F, class In>
using condition_t = typename detail::condition<F, In>::type;

/// F for a target of Height x Width.
template <class List, int Height, int Width>
struct resolve_list;
/// A list of shapes at the sizes of one target.
template <template <class...> class List, class... S, int Height, int Width>
struct resolve_list<List<S...>, Height, Width> {
  /// The list.
  using type = List<resolved<S, Height, Width>...>;
};

}  // namespace cnf
