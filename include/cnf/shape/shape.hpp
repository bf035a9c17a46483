// Shapes: the type of one sample, channels x height x width.
//
//   Shape<3, 32, 32>                      an RGB image of 32x32
//   Shape<7>                              a vector; vectors are images of 1x1
//   Shape<3, dynamic, dynamic>            an RGB image whose size is known at run time only
//   Shape<12, dynamic / 2, dynamic / 2>   half that size, whatever it is
//
// A dynamic extent is the target's unknown extent over a divisor, so resolutions still match at compile time,
// and one run-time check at the model's front (divisibility, met by padding) is left. Batch size, dtype and
// device are never in a type.
#pragma once

#include <array>
#include <string>
#include <type_traits>

namespace cnf {

/// An extent that only the run knows: the target's, divided by `divisor`. `dynamic / d` spells it. Compilers print it as it
/// is written here, hence the name.
struct dynamic_over {
  /// Of the target's extent.
  int divisor;
  friend constexpr dynamic_over operator/(dynamic_over extent, int d) { return {extent.divisor * d}; }
  bool operator==(const dynamic_over&) const = default;
};
inline constexpr dynamic_over dynamic{1};

/// Whether an extent is known at compile time.
constexpr bool is_fixed(int) { return true; }
/// Whether an extent is known at compile time.
constexpr bool is_fixed(dynamic_over) { return false; }
/// By what a target's extent is divided.
constexpr int divisor_of(int) { return 1; }
/// By what a target's extent is divided.
constexpr int divisor_of(dynamic_over extent) { return extent.divisor; }

/// Half an extent, where it is even; and twice an extent, where that is not more than the target's.
constexpr bool is_even(int extent) { return extent % 2 == 0; }
/// The run will tell.
constexpr bool is_even(dynamic_over) { return true; }
/// Half of it.
constexpr int halved(int extent) { return extent < 2 ? 1 : extent / 2; }
/// Half of it.
constexpr dynamic_over halved(dynamic_over extent) { return extent / 2; }
/// Whether there is twice of it.
constexpr bool can_double(int) { return true; }
/// Whether there is twice of it.
constexpr bool can_double(dynamic_over extent) { return extent.divisor % 2 == 0; }
/// Twice of it.
constexpr int doubled(int extent) { return 2 * extent; }
/// Twice of it.
constexpr dynamic_over doubled(dynamic_over extent) { return {extent.divisor < 2 ? 1 : extent.divisor / 2}; }

/// Whether an extent can be halved that many times.
constexpr bool can_halve(auto extent, int times) {
  for (; times > 0; --times, extent = halved(extent))
    if (!is_even(extent)) return false;
  return true;
}

/// How many times `small` goes into `large`; 0 where one is fixed and the other is not.
constexpr int ratio(int large, int small) { return large / small; }
/// How often the small one goes into the large one; 0: not at all.
constexpr int ratio(dynamic_over large, dynamic_over small) { return small.divisor / large.divisor; }
/// Of extents of two kinds.
constexpr int ratio(auto, auto) { return 0; }

/// An extent once the target's is known; a fixed one is itself.
constexpr long resolve(int extent, long) { return extent; }
/// Pixels of a target's extent.
constexpr long resolve(dynamic_over extent, long target) { return target / extent.divisor; }

/// Whether an extent may have this many pixels.
constexpr bool may_be(int extent, long pixels) { return extent == pixels; }
/// Whether it may be so many pixels.
constexpr bool may_be(dynamic_over, long) { return true; }

/// Whether two extents are one.
constexpr bool same_extent(int a, int b) { return a == b; }
/// Whether two extents are one.
constexpr bool same_extent(dynamic_over a, dynamic_over b) { return a == b; }
/// Extents of two kinds are not.
constexpr bool same_extent(auto, auto) { return false; }

/// An int or a dynamic_over.
template <class T>
inline constexpr bool is_extent = std::is_same_v<T, int> || std::is_same_v<T, dynamic_over>;

template <int Channels, auto Height = 1, auto Width = 1>
struct Shape {
  static_assert(Channels >= 0, "cnf: a shape has zero or more channels");
  static_assert(is_extent<std::remove_const_t<decltype(Height)>> &&
                    is_extent<std::remove_const_t<decltype(Width)>>,
                "cnf: an extent is an int, or dynamic, or dynamic divided by an int");
  /// C.
  static constexpr int channels = Channels;
  /// H: pixels, or dynamic.
  static constexpr auto height = Height;
  /// W: pixels, or dynamic.
  static constexpr auto width = Width;
  static_assert(divisor_of(height) > 0 && divisor_of(width) > 0 && resolve(height, divisor_of(height)) > 0 &&
                    resolve(width, divisor_of(width)) > 0,
                "cnf: an extent is positive, or dynamic");
};

/// Whether it is a Shape.
template <class S>
inline constexpr bool is_shape = false;
/// A Shape is.
template <int C, auto H, auto W>
inline constexpr bool is_shape<Shape<C, H, W>> = true;

/// S has fixed extents; area and size are of fixed shapes, and 0 for dynamic ones.
template <class S>
inline constexpr bool is_fixed_shape = is_fixed(S::height) && is_fixed(S::width);
/// Pixels of a fixed shape, else 0.
template <class S>
inline constexpr long area = is_fixed_shape<S> ? resolve(S::height, 0) * resolve(S::width, 0) : 0;
template <class S>
inline constexpr long size = S::channels* area<S>;

/// Whether two shapes have the same height and width.
template <class A, class B>
inline constexpr bool same_extents = same_extent(A::height, B::height) && same_extent(A::width, B::width);

/// S with another number of channels.
template <class S, int Channels>
using with_channels = Shape<Channels, S::height, S::width>;

/// S for a target of Height x Width: dynamic extents become fixed.
template <class S, int Height, int Width>
using resolved = Shape<S::channels, int(resolve(S::height, Height)), int(resolve(S::width, Width))>;

/// "(2, 3, 32, 32)".
inline std::string sizes_text(const std::array<long, 4>& sizes) {
  std::string text = "(";
  for (const long size : sizes) text += (text.size() > 1 ? ", " : "") + std::to_string(size);
  return text + ")";
}

namespace detail {

inline std::string extent_text(int extent, const char*) { return std::to_string(extent); }
inline std::string extent_text(dynamic_over extent, const char* name) {
  return extent == dynamic ? name : name + ("/" + std::to_string(extent.divisor));
}

}  // namespace detail

/// "3x32x32", "3xHxW", "12xH/2xW/2".
template <class S>
std::string shape_text() {
  return std::to_string(S::channels) + "x" + detail::extent_text(S::height, "H") + "x" +
         detail::extent_text(S::width, "W");
}

}  // namespace cnf
