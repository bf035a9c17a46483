// A density of the plane as a picture, and samples beside it; by Eigen.
#pragma once

#include <algorithm>
#include <cmath>
#include <cnf/eigen.hpp>
#include <filesystem>

#include "support/picture.hpp"

namespace density {

/// Numbers 0 .. 1 of a square of pixels as blue on white.
inline support::Image shaded(const std::vector<double>& share, int side) {
  support::Image image{side, side, {}};
  for (const double s : share)
    for (const double dark : {230.0, 190.0, 90.0})
      image.rgb.push_back(std::uint8_t(255 - std::clamp(s, 0.0, 1.0) * dark));
  return image;
}

/// The model's density on the square around the moons, and 20,000 of its samples.
template <class Model>
void draw(const std::filesystem::path& path, const Model& model) {
  using B = typename Model::backend;
  constexpr int side = 400, samples = 20'000;
  constexpr double left = -1.6, top = 1.9, width = 4.2;
  std::vector<double> x, y;
  for (int row = 0; row < side; ++row)
    for (int column = 0; column < side; ++column) {
      x.push_back(left + width * (column + 0.5) / side);
      y.push_back(top - width * (row + 0.5) / side);
    }
  std::vector<double> points(2 * x.size()), share;
  for (std::size_t i = 0; i < x.size(); ++i) {
    points[2 * i] = x[i];
    points[2 * i + 1] = y[i];
  }
  for (const double log_p : B::to_host(model.log_prob(B::from_host(points, {long(x.size()), 2, 1, 1}, 0))))
    share.push_back(std::exp(log_p) / 0.8);

  std::vector<double> hits(x.size());
  const auto drawn = B::to_host(model.sample({.count = samples, .seed = 1}));
  for (std::size_t i = 0; i < drawn.size(); i += 2) {
    const int column = int(std::floor((drawn[i] - left) / width * side)),
              row = int(std::floor((top - drawn[i + 1]) / width * side));
    if (column >= 0 && column < side && row >= 0 && row < side) hits[std::size_t(row * side + column)] += 0.6;
  }
  support::write_image(
      path, support::picture_grid({{{"density", shaded(share, side)}, {"samples", shaded(hits, side)}}},
                                  {.cell_size = side}));
}

}  // namespace density
