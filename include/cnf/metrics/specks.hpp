// Specks: pixels of a sample that nothing in the photograph explains, the first thing that people see in one.
//
//     p is a speck  <=>  d(s_p, b_p) > limit  and  d(s_p, o_q) > limit for every q within `radius` of p
//
// with the sample s, the bicubic enlargement b, the original o, and d the largest difference of a channel, in grey levels.
// So sharper edges than the enlargement's and details that moved by a pixel or two are no specks. Throws cnf::Error when
// the sizes differ.
//
//     double share = double(cnf::metrics::specks(sample, original, enlarged)) / (height * width);
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstdlib>

#include "cnf/metrics/luma.hpp"

namespace cnf::metrics {

/// When a pixel is a speck.
struct SpeckOptions {
  int limit = 64;  // grey levels of 0..255
  int radius = 2;  // pixels, a square
};

/// How many pixels of the sample are specks.
inline std::int64_t specks(Rgb8View sample, Rgb8View original, Rgb8View enlarged, SpeckOptions options = {}) {
  detail::check_pair("specks", sample, original, 0, 1);
  detail::check_pair("specks", sample, enlarged, 0, 1);
  const auto is_far = [&](const std::uint8_t* a, const std::uint8_t* b) {
    return std::max({std::abs(a[0] - b[0]), std::abs(a[1] - b[1]), std::abs(a[2] - b[2])}) > options.limit;
  };
  const auto is_explained = [&](const std::uint8_t* pixel, int y, int x) {
    for (int v = std::max(0, y - options.radius); v <= std::min(original.height - 1, y + options.radius); ++v)
      for (int u = std::max(0, x - options.radius); u <= std::min(original.width - 1, x + options.radius);
           ++u)
        if (!is_far(pixel, detail::pixel(original, v, u))) return true;
    return false;
  };
  std::int64_t count = 0;
  for (int y = 0; y < sample.height; ++y)
    for (int x = 0; x < sample.width; ++x) {
      const auto* pixel = detail::pixel(sample, y, x);
      count += is_far(pixel, detail::pixel(enlarged, y, x)) && !is_explained(pixel, y, x);
    }
  return count;
}

}  // namespace cnf::metrics
