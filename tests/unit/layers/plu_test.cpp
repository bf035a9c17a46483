#include "cnf/layers/plu.hpp"

#include "cnf/noise/initial.hpp"
#include "support/doctest.hpp"

namespace {

using namespace cnf;

/// P L (U + diag(sign * exp(log_s))), by its definition.
std::vector<double> product(const Plu& f, int n) {
  const auto at = [n](int i, int j) { return std::size_t(i * n + j); };
  std::vector<double> w(std::size_t(n * n));
  for (int p = 0; p < n; ++p)
    for (int i = 0; i < n; ++i)
      for (int k = 0; k < n; ++k)
        for (int j = 0; j < n; ++j) {
          const auto kk = std::size_t(k);
          const double l = k < i ? f.lower[at(i, k)] : double(k == i);
          const double u = j > k ? f.upper[at(k, j)] : (j == k ? f.sign[kk] * std::exp(f.log_s[kk]) : 0);
          w[at(p, j)] += f.permutation[at(p, i)] * l * u;
        }
  return w;
}

void check_reconstructs(const std::vector<double>& w, int n) {
  const auto again = product(plu(w, n), n);
  for (std::size_t i = 0; i < w.size(); ++i) CHECK(again[i] == doctest::Approx(w[i]).epsilon(1e-12));
}

TEST_CASE("the factors multiply to the matrix they came from") {
  check_reconstructs({2}, 1);
  check_reconstructs({-3, 1, 4, 2}, 2);
  check_reconstructs({0, 2, 0, 0, 0, -1, 5, 0, 0}, 3);  // every pivot elsewhere
  check_reconstructs(initial::random_rotation(7, {.seed = 1}), 7);
  std::vector<double> w(81);
  NoiseKey{.seed = 2}.fill(w.data(), w.size(), Distribution::normal);
  check_reconstructs(w, 9);
}

TEST_CASE("the factors have their form: strict triangles, bounded multipliers, signs, a permutation") {
  const int n = 6;
  std::vector<double> w(36);
  NoiseKey{.seed = 3}.fill(w.data(), w.size(), Distribution::normal);
  const auto f = plu(w, n);
  for (int i = 0; i < n; ++i) {
    double row = 0, column = 0;
    for (int j = 0; j < n; ++j) {
      const auto ij = std::size_t(i * n + j);
      if (j >= i) CHECK(f.lower[ij] == 0);
      if (j <= i) CHECK(f.upper[ij] == 0);
      CHECK(std::abs(f.lower[ij]) <= 1);  // partial pivoting
      row += f.permutation[ij];
      column += f.permutation[std::size_t(j * n + i)];
    }
    CHECK(row == 1);
    CHECK(column == 1);
    CHECK(std::abs(f.sign[std::size_t(i)]) == 1);
  }
}

TEST_CASE("log_s sums to log|det W|") {
  const auto f = plu({0, 2, 0, 0, 0, -1, 5, 0, 0}, 3);
  CHECK(f.log_s[0] + f.log_s[1] + f.log_s[2] == doctest::Approx(std::log(10.0)));
}

TEST_CASE("a singular matrix is an Error with its rank") {
  CHECK_THROWS_WITH_AS(plu({1, 2, 2, 4}, 2), "plu: expected an invertible matrix, got one of 2x2 with rank 1",
                       Error);
  CHECK_THROWS_WITH_AS(plu({0}, 1), "plu: expected an invertible matrix, got one of 1x1 with rank 0", Error);
}

}  // namespace
