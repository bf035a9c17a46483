// Peak signal-to-noise ratio between two 8-bit RGB images, in decibels; higher is better.
//
//     PSNR = 10 log10(255^2 / MSE)
// psnr_y takes the mean squared error on the unrounded BT.601 luma (luma.hpp), psnr_rgb over the three
// channels together. The peak is 255 in both, although luma spans 16..235: this is what published tables do.
// Identical images give +infinity. `shave` pixels (2 unless told otherwise) are removed from every border
// first. Throws cnf::Error when the sizes differ or nothing is left after shaving.
//
//     double decibels = cnf::metrics::psnr_y(restored, original, {.shave = 2});
#pragma once

#include <cmath>
#include <cstddef>
#include <limits>

#include "cnf/metrics/luma.hpp"

namespace cnf::metrics {

namespace detail {

inline double psnr_from_squares(double sum_of_squares, double count) {
  if (sum_of_squares == 0.0) return std::numeric_limits<double>::infinity();
  return 10.0 * std::log10(255.0 * 255.0 * count / sum_of_squares);
}

}  // namespace detail

inline double psnr_y(Rgb8View a, Rgb8View b, MetricOptions options = {}) {
  detail::check_pair("psnr_y", a, b, options.shave, 1);
  const Plane ya = luma(a, options);
  const Plane yb = luma(b, options);
  double sum = 0.0;
  for (std::size_t i = 0; i < ya.values.size(); ++i) {
    const double difference = ya.values[i] - yb.values[i];
    sum += difference * difference;
  }
  return detail::psnr_from_squares(sum, static_cast<double>(ya.values.size()));
}

/// Over red, green and blue, dB.
inline double psnr_rgb(Rgb8View a, Rgb8View b, MetricOptions options = {}) {
  detail::check_pair("psnr_rgb", a, b, options.shave, 1);
  const int rows = a.height - 2 * options.shave;
  const int row_values = 3 * (a.width - 2 * options.shave);
  double sum = 0.0;
  for (int row = 0; row < rows; ++row) {
    const std::uint8_t* pa = detail::pixel(a, row + options.shave, options.shave);
    const std::uint8_t* pb = detail::pixel(b, row + options.shave, options.shave);
    for (int i = 0; i < row_values; ++i) {
      const int difference = pa[i] - pb[i];
      sum += difference * difference;
    }
  }
  return detail::psnr_from_squares(sum, static_cast<double>(rows) * row_values);
}

}  // namespace cnf::metrics
