// Small connected components of a mask: what of it is specks.
//
// Pixels are connected to their eight neighbours. A drawn vessel is long; a component of a few pixels is a speck, or a
// vessel's end that the mask cut off: compare with what a grader's mask has of it.
//
//     const auto parts = cnf::metrics::components(mask, height, width);
//     double share = double(parts.pixels_in_small) / double(parts.pixels);
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "cnf/core/error.hpp"

namespace cnf::metrics {

struct Components {
  std::int64_t pixels = 0;           // of the mask
  std::int64_t pixels_in_small = 0;  // in components of fewer than `smallest` pixels

  /// 0 for an empty mask.
  double share() const { return pixels > 0 ? double(pixels_in_small) / double(pixels) : 0; }
  Components& operator+=(const Components& other) {
    pixels += other.pixels;
    pixels_in_small += other.pixels_in_small;
    return *this;
  }
};

/// Of a row-major mask of height * width values, whose pixels are those that are not 0. Throws cnf::Error for another
/// number of values.
inline Components components(std::span<const std::uint8_t> mask, int height, int width,
                             std::int64_t smallest = 10) {
  const auto w = std::ptrdiff_t(width), h = std::ptrdiff_t(height);
  if (std::ptrdiff_t(mask.size()) != h * w)
    throw Error("components: expected " + std::to_string(height) + " x " + std::to_string(width) +
                " values, got " + std::to_string(mask.size()));
  Components all;
  std::vector<std::uint8_t> waiting(mask.begin(), mask.end());
  std::vector<std::ptrdiff_t> found;
  for (std::ptrdiff_t start = 0; start < h * w; ++start) {
    if (waiting[std::size_t(start)] == 0) continue;
    waiting[std::size_t(start)] = 0;
    found.assign(1, start);
    for (std::size_t next = 0; next < found.size(); ++next) {
      const std::ptrdiff_t y = found[next] / w, x = found[next] % w;
      for (std::ptrdiff_t v = y - 1; v <= y + 1; ++v)
        for (std::ptrdiff_t u = x - 1; u <= x + 1; ++u) {
          if (v < 0 || v >= h || u < 0 || u >= w || waiting[std::size_t(v * w + u)] == 0) continue;
          waiting[std::size_t(v * w + u)] = 0;
          found.push_back(v * w + u);
        }
    }
    const auto size = std::int64_t(found.size());
    all.pixels += size;
    if (size < smallest) all.pixels_in_small += size;
  }
  return all;
}

}  // namespace cnf::metrics
