// Structural similarity of two 8-bit RGB images on their luma (Wang et al., IEEE TIP 2004, equation 13).
//
//     SSIM = (2 ma mb + C1)(2 sab + C2) / ((ma^2 + mb^2 + C1)(saa + sbb + C2))
// averaged over window positions; 1 means identical. The means m and (co)variances s are weighted by an 11x11
// Gaussian of standard deviation 1.5 that sums to 1; only windows that lie wholly inside the image count. C1
// = (0.01 * 255)^2, C2 = (0.03 * 255)^2; luma is unrounded BT.601 (luma.hpp). `shave` pixels (2 unless told
// otherwise) are removed from every border first. Throws cnf::Error when the sizes differ or fewer than 11x11
// pixels are left after shaving.
//
//     double similarity = cnf::metrics::ssim_y(restored, original, {.shave = 2});
#pragma once

#include <array>
#include <cmath>
#include <cstddef>

#include "cnf/metrics/luma.hpp"

namespace cnf::metrics {

namespace detail {

inline constexpr int ssim_window = 11;

inline std::array<double, ssim_window> ssim_weights() {
  constexpr double sigma = 1.5;
  std::array<double, ssim_window> weights{};
  double sum = 0.0;
  for (int i = 0; i < ssim_window; ++i) {
    const double x = i - ssim_window / 2;
    sum += weights[static_cast<std::size_t>(i)] = std::exp(-x * x / (2.0 * sigma * sigma));
  }
  for (double& weight : weights) weight /= sum;
  return weights;
}

// Weighted mean of a * b over every window inside the image; the Gaussian is separable.
inline Plane windowed_mean(const Plane& a, const Plane& b) {
  const auto weights = ssim_weights();
  const int height = a.height - ssim_window + 1;
  const int width = a.width - ssim_window + 1;
  Plane across{a.height, width,
               std::vector<double>(static_cast<std::size_t>(a.height) * static_cast<std::size_t>(width))};
  for (int row = 0; row < a.height; ++row) {
    for (int column = 0; column < width; ++column) {
      double sum = 0.0;
      for (int k = 0; k < ssim_window; ++k) {
        sum += weights[static_cast<std::size_t>(k)] * a.at(row, column + k) * b.at(row, column + k);
      }
      across.at(row, column) = sum;
    }
  }
  Plane mean{height, width,
             std::vector<double>(static_cast<std::size_t>(height) * static_cast<std::size_t>(width))};
  for (int k = 0; k < ssim_window; ++k) {
    for (int row = 0; row < height; ++row) {
      for (int column = 0; column < width; ++column) {
        mean.at(row, column) += weights[static_cast<std::size_t>(k)] * across.at(row + k, column);
      }
    }
  }
  return mean;
}

}  // namespace detail

inline double ssim_y(Rgb8View a, Rgb8View b, MetricOptions options = {}) {
  detail::check_pair("ssim_y", a, b, options.shave, detail::ssim_window);
  const Plane ya = luma(a, options);
  const Plane yb = luma(b, options);
  const Plane one{ya.height, ya.width, std::vector<double>(ya.values.size(), 1.0)};
  const Plane mean_a = detail::windowed_mean(ya, one);
  const Plane mean_b = detail::windowed_mean(yb, one);
  const Plane mean_aa = detail::windowed_mean(ya, ya);
  const Plane mean_bb = detail::windowed_mean(yb, yb);
  const Plane mean_ab = detail::windowed_mean(ya, yb);

  constexpr double c1 = (0.01 * 255.0) * (0.01 * 255.0);
  constexpr double c2 = (0.03 * 255.0) * (0.03 * 255.0);
  double sum = 0.0;
  for (std::size_t i = 0; i < mean_a.values.size(); ++i) {
    const double ma = mean_a.values[i];
    const double mb = mean_b.values[i];
    const double variances = mean_aa.values[i] - ma * ma + mean_bb.values[i] - mb * mb;
    const double covariance = mean_ab.values[i] - ma * mb;
    sum += (2.0 * ma * mb + c1) * (2.0 * covariance + c2) / ((ma * ma + mb * mb + c1) * (variances + c2));
  }
  return sum / static_cast<double>(mean_a.values.size());
}

}  // namespace cnf::metrics
