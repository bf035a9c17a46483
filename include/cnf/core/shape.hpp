// Shapes: the type of one sample, channels x height x width.
//
//   Shape<3, 32, 32>                      an RGB image of 32x32
//   Shape<7>                              a vector; vectors are images of 1x1
//   Shape<3, dynamic, dynamic>            an RGB image whose size is known at run time only
//   Shape<12, dynamic / 2, dynamic / 2>   half that size, whatever it is
//
// A dynamic extent is a divisor of the target's unknown extent, so resolutions still match at compile time,
// and one run-time check at the model's front (divisibility, met by padding) is left. Batch size, dtype and
// device are never in a type.
#pragma once

#include <array>
#include <string>

namespace cnf {

/// An extent: positive is fixed, -d is "the target's unknown extent divided by d". `dynamic / d` spells it.
struct DynamicExtent {
  constexpr operator int() const { return -1; }
  friend constexpr int operator/(DynamicExtent, int divisor) { return -divisor; }
};
inline constexpr DynamicExtent dynamic{};

constexpr bool is_fixed(int extent) { return extent > 0; }
constexpr bool is_even(int extent) { return extent < 0 || extent % 2 == 0; }
constexpr int halved(int extent) { return extent < 0 ? 2 * extent : extent / 2; }
/// Twice an extent; 0 where that would be more than the target's.
constexpr int doubled(int extent) { return extent < 0 ? (extent % 2 == 0 ? extent / 2 : 0) : 2 * extent; }

/// Whether an extent can be halved that many times.
constexpr bool can_halve(int extent, int times) {
  for (; times > 0; --times, extent = halved(extent))
    if (!is_even(extent)) return false;
  return true;
}

/// A dynamic extent once the target's extent is known; a fixed one is itself.
constexpr long resolve(int extent, long target) { return extent < 0 ? target / -extent : extent; }

template <int Channels, int Height = 1, int Width = 1>
struct Shape {
  static_assert(Channels >= 0, "cnf: a shape has zero or more channels");
  static_assert(Height != 0 && Width != 0, "cnf: an extent is positive, or dynamic");
  static constexpr int channels = Channels;
  static constexpr int height = Height;
  static constexpr int width = Width;
};

template <class S>
inline constexpr bool is_shape = false;
template <int C, int H, int W>
inline constexpr bool is_shape<Shape<C, H, W>> = true;

/// S has fixed extents; area and size are of fixed shapes, and 0 for dynamic ones.
template <class S>
inline constexpr bool is_fixed_shape = is_fixed(S::height) && is_fixed(S::width);
template <class S>
inline constexpr long area = is_fixed_shape<S> ? long{S::height} * S::width : 0;
template <class S>
inline constexpr long size = S::channels* area<S>;

template <class A, class B>
inline constexpr bool same_extents = A::height == B::height&& A::width == B::width;

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

/// "3x32x32", "3xHxW", "12xH/2xW/2".
template <class S>
std::string shape_text() {
  auto extent = [](int e, const char* name) {
    if (e > 0) return std::to_string(e);
    return e == -1 ? std::string(name) : name + ("/" + std::to_string(-e));
  };
  return std::to_string(S::channels) + "x" + extent(S::height, "H") + "x" + extent(S::width, "W");
}

}  // namespace cnf
