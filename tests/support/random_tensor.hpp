// Random tensors of the LibTorch backend, in double, and how far two are apart.
#pragma once

#include <limits>

#include "cnf/libtorch.hpp"

/// scale * standard normal noise of the given sizes, a function of the seed.
inline at::Tensor random_tensor(at::IntArrayRef sizes, std::uint64_t seed, double scale = 1) {
  std::int64_t count = 1;
  for (const auto s : sizes) count *= s;
  std::vector<double> values(static_cast<std::size_t>(count));
  cnf::NoiseKey{.seed = seed}.fill(values.data(), values.size(), cnf::Distribution::normal, scale);
  return at::from_blob(values.data(), sizes, at::kDouble).clone();
}

/// n samples of shape S.
template <class S>
cnf::Batch<cnf::libtorch::Backend, S> random_batch(std::int64_t n, std::uint64_t seed, double scale = 1) {
  return cnf::Batch<cnf::libtorch::Backend, S>(
      random_tensor({n, S::channels, S::height, S::width}, seed, scale));
}

/// Largest absolute value; infinite where one is not finite.
inline double largest(const at::Tensor& a) {
  const auto l = a.abs().max();
  return at::isfinite(l).item<bool>() ? l.item<double>() : std::numeric_limits<double>::infinity();
}

/// Largest absolute difference.
inline double difference(const at::Tensor& a, const at::Tensor& b) { return largest(a - b); }
