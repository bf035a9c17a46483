// MATLAB's imresize(image, scale) with its default bicubic kernel, on 8-bit RGB, for scale 0.5 and 2.
//
//     k(x) = 1.5|x|^3 - 2.5|x|^2 + 1           for |x| <= 1
//          = -0.5|x|^3 + 2.5|x|^2 - 4|x| + 2   for 1 < |x| <= 2          (Keys 1981, a = -0.5)
// Output pixel i is centred at u = (i + 0.5) / scale - 0.5 of the input. To shrink, the kernel is stretched
// by 1 / scale against aliasing: 8 taps [-3, -9, 29, 111, 111, 29, -9, -3] / 256 for 0.5. Weights sum to 1;
// borders are replicated (newer MATLAB mirrors them). Columns first, then rows; rounded half up and clipped
// to 0..255 after each pass. An extent becomes ceil(extent * scale). Throws cnf::Error for any other scale
// and for an empty image.
//
//     support::Image low = super_resolution::imresize(high, 0.5);
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "cnf/core/error.hpp"
#include "support/image.hpp"

namespace super_resolution {

// What one output pixel takes from its axis: weights of the input pixels first, first + 1, ... Indices
// outside the image mean its border pixel.
struct Taps {
  int first = 0;
  std::vector<double> weights;
};

inline double cubic_kernel(double x) {
  const double a = std::abs(x);
  if (a <= 1.0) return (1.5 * a - 2.5) * a * a + 1.0;
  if (a <= 2.0) return ((-0.5 * a + 2.5) * a - 4.0) * a + 2.0;
  return 0.0;
}

inline Taps bicubic_taps(int output_index, double scale) {
  const double stretch = std::max(1.0, 1.0 / scale);
  const double centre = (output_index + 0.5) / scale - 0.5;
  const int first = static_cast<int>(std::floor(centre - 2.0 * stretch)) + 1;
  const int last = static_cast<int>(std::ceil(centre + 2.0 * stretch)) - 1;
  Taps taps{first, {}};
  double sum = 0.0;
  for (int i = first; i <= last; ++i) {
    taps.weights.push_back(cubic_kernel((i - centre) / stretch));
    sum += taps.weights.back();
  }
  for (double& weight : taps.weights) weight /= sum;
  return taps;
}

namespace detail {

// Samples of one line of the image: `extent` of them, `stride` bytes apart.
struct Axis {
  int extent;
  std::size_t stride;
};

inline std::uint8_t weighted(const Taps& taps, const std::uint8_t* line, Axis axis) {
  double sum = 0.0;
  for (std::size_t k = 0; k < taps.weights.size(); ++k) {
    const int i = std::clamp(taps.first + static_cast<int>(k), 0, axis.extent - 1);
    sum += taps.weights[k] * line[static_cast<std::size_t>(i) * axis.stride];
  }
  return static_cast<std::uint8_t>(std::clamp(std::floor(sum + 0.5), 0.0, 255.0));
}

inline support::Image resize_vertically(const support::Image& in, double scale) {
  const std::size_t row_bytes = 3 * static_cast<std::size_t>(in.width);
  support::Image out{static_cast<int>(std::ceil(in.height * scale)), in.width, {}};
  out.rgb.reserve(static_cast<std::size_t>(out.height) * row_bytes);
  for (int row = 0; row < out.height; ++row) {
    const Taps taps = bicubic_taps(row, scale);
    for (std::size_t i = 0; i < row_bytes; ++i) {
      out.rgb.push_back(weighted(taps, in.rgb.data() + i, {in.height, row_bytes}));
    }
  }
  return out;
}

inline support::Image resize_horizontally(const support::Image& in, double scale) {
  const std::size_t row_bytes = 3 * static_cast<std::size_t>(in.width);
  support::Image out{in.height, static_cast<int>(std::ceil(in.width * scale)), {}};
  out.rgb.reserve(3 * static_cast<std::size_t>(out.height) * static_cast<std::size_t>(out.width));
  std::vector<Taps> taps;
  for (int column = 0; column < out.width; ++column) taps.push_back(bicubic_taps(column, scale));
  for (int row = 0; row < out.height; ++row) {
    const std::uint8_t* line = in.rgb.data() + static_cast<std::size_t>(row) * row_bytes;
    for (const Taps& t : taps) {
      for (int channel = 0; channel < 3; ++channel)
        out.rgb.push_back(weighted(t, line + channel, {in.width, 3}));
    }
  }
  return out;
}

}  // namespace detail

inline support::Image imresize(const support::Image& image, double scale) {
  if (scale != 0.5 && scale != 2.0) {
    throw cnf::Error("imresize: expected a scale of 0.5 or 2, got " + std::to_string(scale));
  }
  if (image.height < 1 || image.width < 1) {
    throw cnf::Error("imresize: expected an image of at least 1x1 pixels, got " +
                     std::to_string(image.height) + "x" + std::to_string(image.width));
  }
  return detail::resize_horizontally(detail::resize_vertically(image, scale), scale);
}

}  // namespace super_resolution
