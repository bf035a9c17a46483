// Initial values of parameters: functions (count, key) -> count numbers, the same on every backend for the
// same seed and name.
//
//   scope.parameter("weight", {out, in, 3, 3}, initial::uniform(1 / std::sqrt(in * 9.0)))
#pragma once

#include <cmath>
#include <cstddef>
#include <vector>

#include "cnf/noise/noise.hpp"

namespace cnf::initial {

/// All 0.
inline constexpr auto zeros = [](std::size_t count, const NoiseKey&) {
  return std::vector<double>(count, 0.0);
};

/// All 1.
inline constexpr auto ones = [](std::size_t count, const NoiseKey&) {
  return std::vector<double>(count, 1.0);
};

/// Standard normal.
inline constexpr auto normal = [](std::size_t count, const NoiseKey& key) {
  std::vector<double> values(count);
  key.fill(values.data(), count, Distribution::normal);
  return values;
};

/// Uniform on (-bound, bound).
inline auto uniform(double bound) {
  return [bound](std::size_t count, const NoiseKey& key) {
    std::vector<double> values(count);
    key.fill(values.data(), count, Distribution::uniform, 2 * bound);
    for (auto& v : values) v -= bound;
    return values;
  };
}

/// Fixed numbers.
inline auto values(std::vector<double> v) {
  return [v = std::move(v)](std::size_t, const NoiseKey&) { return v; };
}

/// A random n x n rotation, row-major: Gram-Schmidt on Gaussian rows, twice for accuracy.
inline std::vector<double> random_rotation(int n, const NoiseKey& key) {
  std::vector<double> m(std::size_t(n) * std::size_t(n));
  key.fill(m.data(), m.size(), Distribution::normal);
  auto row = [&](int i) { return m.data() + std::ptrdiff_t(i) * n; };
  for (int i = 0; i < n; ++i) {
    for (int pass = 0; pass < 2; ++pass)
      for (int j = 0; j < i; ++j) {
        double dot = 0;
        for (int k = 0; k < n; ++k) dot += row(i)[k] * row(j)[k];
        for (int k = 0; k < n; ++k) row(i)[k] -= dot * row(j)[k];
      }
    double norm = 0;
    for (int k = 0; k < n; ++k) norm += row(i)[k] * row(i)[k];
    for (int k = 0; k < n; ++k) row(i)[k] /= std::sqrt(norm);
  }
  return m;
}

/// A random orthogonal matrix, row-major.
inline auto rotation(int n) {
  return [n](std::size_t, const NoiseKey& key) { return random_rotation(n, key); };
}

}  // namespace cnf::initial
