// How large a target is, as its inputs tell: a pixel of an input of dynamic extents stands for one or more of the target's, and
// of the last pixel's some may be missing.
#pragma once

#include <algorithm>
#include <limits>
#include <string>

#include "cnf/core/inputs.hpp"

namespace cnf::detail {

/// Pixels of a target's extent that a pixel of an input's stands for; 1 where either is fixed.
constexpr int pixels_of(auto target, auto of_input) {
  return is_fixed(target) ? 1 : std::max(1, ratio(target, of_input));
}

/// Those of the finest input of dynamic extent.
constexpr long finest_of([[maybe_unused]] auto target, auto... of_inputs) {
  long finest = 0;
  [[maybe_unused]] const auto add = [&](long pixels) {
    finest = finest == 0 ? pixels : std::min(finest, pixels);
  };
  ((is_fixed(of_inputs) ? void() : add(pixels_of(target, of_inputs))), ...);
  return std::max(1L, finest);
}

template <class Target, class Inputs>
struct TargetSize;
template <class Target, class... S>
struct TargetSize<Target, Features<S...>> {
  /// Whether the inputs tell how large the target is, as one of fixed size does anyway.
  static constexpr bool is_told =
      is_fixed_shape<Target> || (((is_fixed(Target::height) || !is_fixed(S::height)) &&
                                  (is_fixed(Target::width) || !is_fixed(S::width))) ||
                                 ...);
  static constexpr Extents finest{finest_of(Target::height, S::height...),
                                  finest_of(Target::width, S::width...)};
  static constexpr int coarsest =
      std::max({1, pixels_of(Target::height, S::height)..., pixels_of(Target::width, S::width)...});
};

/// visit(extent of `size`, pixels that an input stands for, of which fewer than so many may be missing) down and across.
template <class B, class Target, class Input, class Visit>
void for_each_extent(const input_tensors_t<B, Input>& x, Extents& size, const Visit& visit) {
  const auto one = [&](long& extent, auto target, auto of_input, long actual) {
    if (is_fixed(target) || is_fixed(of_input)) return;
    const long unit = pixels_of(target, of_input);
    visit(extent, unit * actual, unit);
  };
  for_each_input<Input>(x, [&]<class S>(const typename B::Tensor& t) {
    one(size.height, Target::height, S::height, B::height(t));
    one(size.width, Target::width, S::width, B::width(t));
  });
}

/// The size of the target: its own where that is fixed, else what the finest input of dynamic extents stands for.
template <class B, class Target, class Input>
Extents told_size(const input_tensors_t<B, Input>& x) {
  constexpr long any = std::numeric_limits<long>::max();
  Extents size{is_fixed(Target::height) ? resolve(Target::height, 0) : any,
               is_fixed(Target::width) ? resolve(Target::width, 0) : any};
  for_each_extent<B, Target, Input>(x, size,
                                    [](long& extent, long here, long) { extent = std::min(extent, here); });
  return size;
}

/// Error where an input stands for a target of another size.
template <class B, class Target, class Input>
void expect_told_size(const input_tensors_t<B, Input>& x, Extents size) {
  for_each_extent<B, Target, Input>(x, size, [](long extent, long here, long unit) {
    if (extent > here || extent <= here - unit)
      throw Error("expected inputs for a target of one size, got one for " + std::to_string(extent) +
                  " pixels and one for " + std::to_string(here));
  });
}

}  // namespace cnf::detail
