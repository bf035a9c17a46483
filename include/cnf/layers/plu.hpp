// The factors of a square matrix W = P L (U + diag(sign * exp(log_s))): initial values of InvConv1x1Plu, and the
// way from a dense W to it. Row-major; `lower` and `upper` are strictly triangular, L has a unit diagonal. A
// singular W: Error.
#pragma once

#include <cmath>
#include <string>
#include <utility>
#include <vector>

#include "cnf/core/error.hpp"
#include "cnf/math/lu.hpp"

namespace cnf {

struct Plu {
  /// Row-major.
  std::vector<double> lower, upper, log_s, sign, permutation;
};

/// The factors of a row-major matrix.
inline Plu plu(std::vector<double> w, int n) {
  const Lu lu(std::move(w), n);
  const auto size = lu.factors.size();
  Plu f{std::vector<double>(size), std::vector<double>(size), {}, {}, std::vector<double>(size)};
  for (int i = 0; i < n; ++i) {
    const double pivot = lu.at(i, i);
    if (pivot == 0)
      throw Error("plu: expected an invertible matrix, got one of " + std::to_string(n) + "x" +
                  std::to_string(n) + " with rank " + std::to_string(i));
    for (int j = 0; j < n; ++j)
      if (j != i) (j < i ? f.lower : f.upper)[lu.index(i, j)] = lu.at(i, j);
    f.log_s.push_back(std::log(std::abs(pivot)));
    f.sign.push_back(pivot < 0 ? -1 : 1);
    f.permutation[lu.index(lu.source[std::size_t(i)], i)] = 1;
  }
  return f;
}

}  // namespace cnf
