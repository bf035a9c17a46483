#include "cnf/math/lu.hpp"

#include <Eigen/LU>
#include <cmath>

#include "support/doctest.hpp"
#include "support/random_numbers.hpp"

namespace {

using cnf::Lu;
using RowMajor = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

/// Against Eigen.
void check(const std::vector<double>& w, int n) {
  CAPTURE(n);
  const Lu lu(w, n);
  const Eigen::FullPivLU<RowMajor> oracle(Eigen::Map<const RowMajor>(w.data(), n, n));
  CHECK(lu.log_abs_det() == doctest::Approx(std::log(std::abs(oracle.determinant()))).epsilon(1e-12));
  const auto inverse = lu.inverse();
  const RowMajor expected = oracle.inverse();
  CHECK((Eigen::Map<const RowMajor>(inverse.data(), n, n) - expected).norm() < 1e-11 * expected.norm());
}

TEST_CASE("log|det| and inverse are those of the matrix") {
  check({-3}, 1);
  check({-3, 1, 4, 2}, 2);
  check({0, 2, 0, 0, 0, -1, 5, 0, 0}, 3);  // every pivot elsewhere
  for (int n : {2, 5, 12, 24, 96}) check(random_numbers(long{n} * n, std::uint64_t(n)), n);
}

TEST_CASE("multipliers are bounded: the largest number below is the pivot") {
  const Lu lu(random_numbers(64, 9), 8);
  for (int i = 0; i < 8; ++i)
    for (int j = 0; j < i; ++j) CHECK(std::abs(lu.at(i, j)) <= 1);
}

TEST_CASE("a singular matrix says so") {
  for (const auto& w : {std::vector<double>{1, 2, 2, 4}, {0, 1, 0, 3}, {0, 0, 0, 0}}) {
    const Lu lu(w, 2);
    CHECK(lu.log_abs_det() == -INFINITY);
    bool is_finite = true;
    for (const double v : lu.inverse()) is_finite = is_finite && std::isfinite(v);
    CHECK(!is_finite);
  }
}

}  // namespace
