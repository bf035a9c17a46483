// The small matrices of 1x1 convolutions on Eigen: determinants and inverses in double (math/lu.hpp), and products.
#pragma once

#include <Eigen/Core>
#include <cstddef>
#include <vector>

#include "cnf/backend/eigen/module.hpp"
#include "cnf/backend/eigen/tensor.hpp"
#include "cnf/math/lu.hpp"

namespace cnf::eigen {

/// The small matrices of 1x1 convolutions.
template <class T>
struct SmallMatrices {
  using Parameter = eigen::Parameter<T>;
  using PerSample = eigen::PerSample<T>;
  using Vector = eigen::Vector<T>;
  using Matrix = eigen::Matrix<T>;

  static PerSample log_abs_det(const Matrix& w) { return {Vector::Constant(1, T(lu(w).log_abs_det()))}; }
  static Matrix inverse(const Matrix& w) { return square(lu(w).inverse(), w.rows()); }
  /// The product of the reflections 1 - 2 v v^T / v^T v of the rows v of a parameter.
  static Matrix reflections(const Parameter& vectors) {
    const long count = vectors.size(0), size = vectors.size(1);
    std::vector<double> product(std::size_t(size * size));
    const auto at = [&](long i, long j) -> double& { return product[std::size_t(i * size + j)]; };
    for (long i = 0; i < size; ++i) at(i, i) = 1;
    for (long k = 0; k < count; ++k) {
      const T* const v = vectors.values().data() + k * size;
      double square = 0;
      for (long j = 0; j < size; ++j) square += double(v[j]) * double(v[j]);
      for (long i = 0; i < size; ++i) {
        double along = 0;
        for (long j = 0; j < size; ++j) along += at(i, j) * double(v[j]);
        for (long j = 0; j < size; ++j) at(i, j) -= 2 * along / square * double(v[j]);
      }
    }
    return square(product, size);
  }
  static Matrix transposed(const Matrix& m) { return m.transpose(); }
  static Matrix plu_product(const Matrix& permutation, const Matrix& lower, const Matrix& upper,
                            const Vector& diagonal) {
    Matrix u = upper.template triangularView<Eigen::StrictlyUpper>();
    u.diagonal() = diagonal.matrix();
    return permutation * (lower.template triangularView<Eigen::UnitLower>() * u);
  }

 private:
  static Matrix square(const std::vector<double>& row_major, long size) {
    Matrix m(size, size);
    for (long i = 0; i < m.size(); ++i) m.data()[i] = T(row_major[std::size_t(i)]);
    return m;
  }
  static Lu lu(const Matrix& w) { return {{w.data(), w.data() + w.size()}, int(w.rows())}; }
};

}  // namespace cnf::eigen
