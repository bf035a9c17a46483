// Numbers in memory, as both backends take them for a parameter.
#pragma once

#include <algorithm>
#include <string>
#include <vector>

#include "cnf/core/error.hpp"

namespace cnf {

/// Throws unless there are as many as sizes say.
inline void expect_numbers(long expected, long got) {
  if (expected != got)
    throw Error("expected " + std::to_string(expected) + " numbers, got " + std::to_string(got));
}

struct HostNumbers {
  /// In row-major order.
  const std::vector<double>& values;

  /// Writes `count` of them from `first` on.
  template <class T>
  void operator()(long first, long count, T* to) const {
    std::transform(values.begin() + first, values.begin() + first + count, to, [](double v) { return T(v); });
  }
};

}  // namespace cnf
