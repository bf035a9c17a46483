// LU decomposition of a small square matrix, in double, by elimination with partial pivoting:
//
//   W[source[i], :] = sum_k L[i, k] U[k, :]
//
// for the matrices of 1x1 convolutions on every backend: a library's would wake threads of its own (LAPACK) or be
// most of what a file costs to compile (Eigen). Matrices are row-major.
#pragma once

#include <cmath>
#include <cstddef>
#include <numeric>
#include <utility>
#include <vector>

namespace cnf {

struct Lu {
  /// Rows and columns.
  int n;
  std::vector<double> factors;  // U, and below its diagonal L, whose own diagonal is 1
  std::vector<int> source;      // the row of W that each row of the factors comes from

  /// Of a row-major matrix.
  Lu(std::vector<double> w, int size) : n(size), factors(std::move(w)), source(std::size_t(size)) {
    std::iota(source.begin(), source.end(), 0);
    for (int k = 0; k < n; ++k) {
      int pivot = k;
      for (int i = k + 1; i < n; ++i)
        if (std::abs(at(i, k)) > std::abs(at(pivot, k))) pivot = i;
      if (at(pivot, k) == 0) continue;
      std::swap(source[std::size_t(k)], source[std::size_t(pivot)]);
      for (int j = 0; j < n; ++j) std::swap(at(k, j), at(pivot, j));
      for (int i = k + 1; i < n; ++i) {
        at(i, k) /= at(k, k);
        for (int j = k + 1; j < n; ++j) at(i, j) -= at(i, k) * at(k, j);
      }
    }
  }

  /// Where an element lies.
  std::size_t index(int row, int column) const {
    return std::size_t(row) * std::size_t(n) + std::size_t(column);
  }
  /// An element of the factors.
  double& at(int row, int column) { return factors[index(row, column)]; }
  /// An element of the factors.
  double at(int row, int column) const { return factors[index(row, column)]; }

  /// Of a singular matrix -infinity.
  double log_abs_det() const {
    double sum = 0;
    for (int i = 0; i < n; ++i) sum += std::log(std::abs(at(i, i)));
    return sum;
  }

  /// Row-major; of a singular matrix not finite.
  std::vector<double> inverse() const {
    std::vector<double> all(factors.size());
    for (int c = 0; c < n; ++c) {
      std::vector<double> x(static_cast<std::size_t>(n));
      x[std::size_t(c)] = 1;
      for (int i = c + 1; i < n; ++i)
        for (int k = c; k < i; ++k) x[std::size_t(i)] -= at(i, k) * x[std::size_t(k)];
      for (int i = n - 1; i >= 0; --i) {
        for (int k = i + 1; k < n; ++k) x[std::size_t(i)] -= at(i, k) * x[std::size_t(k)];
        x[std::size_t(i)] /= at(i, i);
        all[index(i, source[std::size_t(c)])] = x[std::size_t(i)];
      }
    }
    return all;
  }
};

}  // namespace cnf
