#include "cnf/noise/initial.hpp"

#include <algorithm>

#include "support/doctest.hpp"

namespace {

using namespace cnf;

TEST_CASE("a random rotation is orthogonal to machine precision") {
  for (int n : {1, 2, 12, 48}) {
    CAPTURE(n);
    const auto r = initial::random_rotation(n, {.seed = 1});
    const auto at = [&](int i, int j) { return r[std::size_t(i * n + j)]; };
    double worst = 0;
    for (int i = 0; i < n; ++i)
      for (int j = 0; j < n; ++j) {
        double dot = 0;
        for (int k = 0; k < n; ++k) dot += at(i, k) * at(j, k);
        worst = std::max(worst, std::abs(dot - (i == j)));
      }
    CHECK(worst < 1e-14);
  }
}

TEST_CASE("another seed or name gives another rotation, the same ones the same") {
  const NoiseKey key{.seed = 1, .stream = Stream::parameters, .input = 2};
  auto other_seed = key, other_name = key;
  other_seed.seed = 2;
  other_name.input = 3;
  const auto r = initial::random_rotation(4, key);
  CHECK(initial::rotation(4)(16, key) == r);
  CHECK(initial::random_rotation(4, other_seed) != r);
  CHECK(initial::random_rotation(4, other_name) != r);
}

TEST_CASE("uniform fills (-bound, bound) evenly") {
  const auto u = initial::uniform(0.25)(10'000, {.seed = 3});
  const auto [low, high] = std::minmax_element(u.begin(), u.end());
  CHECK(*low > -0.25);
  CHECK(*low < -0.249);
  CHECK(*high < 0.25);
  CHECK(*high > 0.249);
  const auto negative = std::count_if(u.begin(), u.end(), [](double v) { return v < 0; });
  CHECK(std::abs(double(negative) - 5000) < 4 * 50);  // binomial, deviation 50
}

}  // namespace
