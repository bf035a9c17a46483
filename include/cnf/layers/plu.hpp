// The factors of a square matrix W = P L (U + diag(sign * exp(log_s))), by elimination with partial pivoting:
// initial values of InvConv1x1Plu, and the way from a dense W to it. Row-major; `lower` and `upper` are
// strictly triangular, L has a unit diagonal. A singular W: Error.
#pragma once

#include <cmath>
#include <string>
#include <utility>
#include <vector>

#include "cnf/core/error.hpp"

namespace cnf {

struct Plu {
  std::vector<double> lower, upper, log_s, sign, permutation;
};

inline Plu plu(std::vector<double> w, int n) {
  const auto at = [n](int row, int column) {
    return std::size_t(row) * std::size_t(n) + std::size_t(column);
  };
  std::vector<int> source(static_cast<std::size_t>(n));
  for (int i = 0; i < n; ++i) source[std::size_t(i)] = i;
  for (int k = 0; k < n; ++k) {
    int pivot = k;
    for (int i = k + 1; i < n; ++i)
      if (std::abs(w[at(i, k)]) > std::abs(w[at(pivot, k)])) pivot = i;
    if (w[at(pivot, k)] == 0)
      throw Error("plu: expected an invertible matrix, got one of " + std::to_string(n) + "x" +
                  std::to_string(n) + " with rank " + std::to_string(k));
    std::swap(source[std::size_t(k)], source[std::size_t(pivot)]);
    for (int j = 0; j < n; ++j) std::swap(w[at(k, j)], w[at(pivot, j)]);
    for (int i = k + 1; i < n; ++i) {
      w[at(i, k)] /= w[at(k, k)];
      for (int j = k + 1; j < n; ++j) w[at(i, j)] -= w[at(i, k)] * w[at(k, j)];
    }
  }
  Plu f{std::vector<double>(w.size()), std::vector<double>(w.size()), {}, {}, std::vector<double>(w.size())};
  for (int i = 0; i < n; ++i) {
    for (int j = 0; j < i; ++j) f.lower[at(i, j)] = w[at(i, j)];
    for (int j = i + 1; j < n; ++j) f.upper[at(i, j)] = w[at(i, j)];
    f.log_s.push_back(std::log(std::abs(w[at(i, i)])));
    f.sign.push_back(w[at(i, i)] < 0 ? -1 : 1);
    f.permutation[at(source[std::size_t(i)], i)] = 1;
  }
  return f;
}

}  // namespace cnf
