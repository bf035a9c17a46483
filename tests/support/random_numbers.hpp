// Normal numbers, the same for the same seed.
#pragma once

#include <cstdint>
#include <vector>

#include "cnf/noise/noise.hpp"

template <class T = double>
std::vector<T> random_numbers(long count, std::uint64_t seed) {
  std::vector<T> v(static_cast<std::size_t>(count));
  cnf::NoiseKey{.seed = seed}.fill(v.data(), v.size(), cnf::Distribution::normal);
  return v;
}
