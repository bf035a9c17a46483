#include "cnf/noise/noise.hpp"

#include <algorithm>

#include "support/doctest.hpp"

namespace {

using namespace cnf;

constexpr std::size_t count = 200'000;

std::vector<double> noise(const NoiseKey& key, Distribution distribution, std::size_t n = count) {
  std::vector<double> values(n);
  key.fill(values.data(), n, distribution);
  return values;
}

/// Mean of f over values; with the standard error of that mean.
struct Mean {
  double value, error;
};
template <class F>
Mean mean(const std::vector<double>& values, const F& f) {
  double sum = 0, squares = 0;
  for (double v : values) {
    sum += f(v);
    squares += f(v) * f(v);
  }
  const double n = double(values.size()), m = sum / n;
  return {m, std::sqrt((squares / n - m * m) / n)};
}

template <class F>
void check_mean(const std::vector<double>& values, const F& f, double expected) {
  const auto [value, error] = mean(values, f);
  CHECK(std::abs(value - expected) < 4 * error);
}

double correlation(const std::vector<double>& a, const std::vector<double>& b) {
  double ab = 0, aa = 0, bb = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    ab += a[i] * b[i];
    aa += a[i] * a[i];
    bb += b[i] * b[i];
  }
  return ab / std::sqrt(aa * bb);
}

const auto first = [](double v) { return v; };
const auto second = [](double v) { return v * v; };
const auto fourth = [](double v) { return v * v * v * v; };

TEST_CASE("uniform noise lies in (0, 1) with the moments of the uniform distribution") {
  const auto u = noise({.seed = 1}, Distribution::uniform);
  CHECK(*std::min_element(u.begin(), u.end()) > 0);
  CHECK(*std::max_element(u.begin(), u.end()) < 1);
  check_mean(u, first, 1.0 / 2);
  check_mean(u, second, 1.0 / 3);
  check_mean(u, fourth, 1.0 / 5);
}

TEST_CASE("normal noise has the moments and the tails of the standard normal") {
  const auto e = noise({.seed = 2}, Distribution::normal);
  check_mean(e, first, 0);
  check_mean(e, second, 1);
  check_mean(e, fourth, 3);
  check_mean(
      e, [](double v) { return v > 1.0; }, 0.158655);
  check_mean(
      e, [](double v) { return v < -2.0; }, 0.022750);
}

TEST_CASE("logistic noise has the variance and the quantiles of the standard logistic") {
  const auto l = noise({.seed = 3}, Distribution::logistic);
  check_mean(l, first, 0);
  check_mean(l, second, std::numbers::pi * std::numbers::pi / 3);
  check_mean(
      l, [](double v) { return v < -2.0; }, 1 / (1 + std::exp(2.0)));
  check_mean(
      l, [](double v) { return v < 1.0; }, 1 / (1 + std::exp(-1.0)));
}

TEST_CASE("streams, seeds, inputs, draws, levels and neighbouring elements are uncorrelated") {
  const NoiseKey key{.seed = 4, .stream = Stream::latents, .input = 5, .draw = 6, .level = 7};
  const auto with = [&](auto change) {
    auto other = key;
    change(other);
    return noise(other, Distribution::normal);
  };
  const auto e = noise(key, Distribution::normal);
  const double bound = 4 / std::sqrt(double(count));
  CHECK(std::abs(correlation(e, with([](NoiseKey& k) { k.stream = Stream::dequantization; }))) < bound);
  CHECK(std::abs(correlation(e, with([](NoiseKey& k) { k.seed = 5; }))) < bound);
  CHECK(std::abs(correlation(e, with([](NoiseKey& k) { k.input = 6; }))) < bound);
  CHECK(std::abs(correlation(e, with([](NoiseKey& k) { k.draw = 5; }))) < bound);
  CHECK(std::abs(correlation(e, with([](NoiseKey& k) { k.level = 0; }))) < bound);
  CHECK(correlation(e, with([](NoiseKey&) {})) > 0.999);

  auto shifted = e;
  std::rotate(shifted.begin(), shifted.begin() + 1, shifted.end());
  CHECK(std::abs(correlation(e, shifted)) < bound);
}

TEST_CASE("the first elements don't depend on how many are asked for") {
  for (auto distribution : {Distribution::uniform, Distribution::normal, Distribution::logistic}) {
    const auto all = noise({.seed = 5}, distribution, 101);
    for (std::size_t n : {0u, 1u, 2u, 7u, 100u})
      CHECK(noise({.seed = 5}, distribution, n) ==
            std::vector<double>(all.begin(), all.begin() + std::ptrdiff_t(n)));
  }
}

TEST_CASE("fill writes nothing beyond count, scales, and rounds doubles to float") {
  const NoiseKey key{.seed = 6};
  const auto e = noise(key, Distribution::normal, 5);
  std::vector<float> f(7, -1.f);
  key.fill(f.data(), 5, Distribution::normal, 0.5);
  for (std::size_t i = 0; i < 5; ++i) CHECK(f[i] == float(0.5 * e[i]));
  CHECK(f[5] == -1.f);
  CHECK(f[6] == -1.f);
}

}  // namespace
