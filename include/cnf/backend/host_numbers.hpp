// Numbers in memory, as both backends take them for a parameter.
#pragma once

#include <algorithm>
#include <vector>

namespace cnf {

struct HostNumbers {
  const std::vector<double>& values;

  /// Writes `count` of them from `first` on.
  template <class T>
  void operator()(long first, long count, T* to) const {
    std::transform(values.begin() + first, values.begin() + first + count, to, [](double v) { return T(v); });
  }
};

}  // namespace cnf
