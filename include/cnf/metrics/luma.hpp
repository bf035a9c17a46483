// The luma plane on which super-resolution papers measure PSNR and SSIM.
//
// BT.601 studio swing for 8-bit RGB (ITU-R BT.601), as MATLAB's rgb2ycbcr defines it, without rounding:
//     Y = 16 + (65.481 R + 128.553 G + 24.966 B) / 255,   R, G, B in 0..255,   Y in 16..235
// Images are interleaved 8-bit RGB, row after row (height x width x 3); a plane is height x width doubles.
// `MetricOptions::shave` pixels are removed from every border first: 2 for a 2x model (the `y-shave2`
// protocol). Throws cnf::Error when two images differ in size or nothing is left after shaving.
//
//     cnf::metrics::Rgb8View view{bytes.data(), height, width};
//     cnf::metrics::Plane y = cnf::metrics::luma(view);  // y.at(row, column)
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "cnf/core/error.hpp"

namespace cnf::metrics {

// Does not own its pixels.
struct Rgb8View {
  /// Rows of red, green and blue.
  const std::uint8_t* data = nullptr;
  /// Pixels.
  int height = 0;
  /// Pixels.
  int width = 0;
};

struct Plane {
  /// Pixels.
  int height = 0;
  /// Pixels.
  int width = 0;
  std::vector<double> values;  // row-major

  /// One number.
  double at(int row, int column) const { return values[index(row, column)]; }
  /// One number.
  double& at(int row, int column) { return values[index(row, column)]; }

 private:
  std::size_t index(int row, int column) const {
    return static_cast<std::size_t>(row) * static_cast<std::size_t>(width) + static_cast<std::size_t>(column);
  }
};

/// What all metrics of images can leave out.
struct MetricOptions {
  int shave = 2;  // pixels removed from each border
};

namespace detail {

inline std::string size_text(int height, int width) {
  return std::to_string(height) + "x" + std::to_string(width);
}

// Checks that both images have one size and that at least `smallest` x `smallest` pixels remain after
// shaving.
inline void check_pair(const char* metric, Rgb8View a, Rgb8View b, int shave, int smallest) {
  const std::string name = metric;
  if (a.height != b.height || a.width != b.width) {
    throw Error(name + ": expected two images of the same size (height x width), got " +
                size_text(a.height, a.width) + " and " + size_text(b.height, b.width));
  }
  if (shave < 0) throw Error(name + ": expected a shave of 0 or more pixels, got " + std::to_string(shave));
  const std::int64_t margin = 2 * static_cast<std::int64_t>(shave);
  if (a.height - margin < smallest || a.width - margin < smallest) {
    throw Error(name + ": expected at least " + size_text(smallest, smallest) +
                " pixels after removing a border of " + std::to_string(shave) + ", got an image of " +
                size_text(a.height, a.width));
  }
}

inline const std::uint8_t* pixel(Rgb8View image, int row, int column) {
  return image.data + 3 * (static_cast<std::ptrdiff_t>(row) * image.width + column);
}

}  // namespace detail

// The luma of the part of the image that lies `shave` pixels inside its border.
inline Plane luma(Rgb8View image, MetricOptions options = {.shave = 0}) {
  detail::check_pair("luma", image, image, options.shave, 1);
  Plane y{image.height - 2 * options.shave, image.width - 2 * options.shave, {}};
  y.values.reserve(static_cast<std::size_t>(y.height) * static_cast<std::size_t>(y.width));
  for (int row = 0; row < y.height; ++row) {
    for (int column = 0; column < y.width; ++column) {
      const std::uint8_t* p = detail::pixel(image, row + options.shave, column + options.shave);
      y.values.push_back(16.0 + (65.481 * p[0] + 128.553 * p[1] + 24.966 * p[2]) / 255.0);
    }
  }
  return y;
}

}  // namespace cnf::metrics
