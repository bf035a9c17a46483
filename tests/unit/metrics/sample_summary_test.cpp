#include "cnf/metrics/sample_summary.hpp"

#ifdef __GLIBC__
#include <malloc.h>
#endif

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <random>
#include <vector>

#include "support/doctest.hpp"

using cnf::metrics::SampleSummary;

namespace {

using Values = std::vector<float>;
using Map = std::vector<std::uint8_t>;

// The samples of tests/golden/metrics.py.
std::vector<Values> golden() {
  std::vector<Values> samples;
  for (int sample = 0; sample < 40; ++sample) {
    samples.emplace_back();
    for (int element = 0; element < 6; ++element)
      samples.back().push_back(
          static_cast<float>((53 * sample * sample + 31 * element * sample + 17 * element) % 256));
  }
  return samples;
}

// One element's values in ascending order.
Values sorted(const std::vector<Values>& samples, std::size_t element) {
  Values values;
  for (const Values& sample : samples) values.push_back(sample[element]);
  std::ranges::sort(values);
  return values;
}

}  // namespace

TEST_CASE("the summary of 8-bit samples equals NumPy's") {
  SampleSummary summary({.elements = 6, .low = 0, .high = 255, .bins = 256});
  for (const Values& sample : golden()) summary.add(sample);
  CHECK(summary.count() == 40);
  CHECK(summary.mean() == Values{124.3F, 131.4F, 112.9F, 132.8F, 120.7F, 102.2F});
  const Values deviations{80.5804566877F, 79.0913396018F, 65.1743047527F,
                          76.8762642172F, 77.8100893201F, 72.5848469035F};
  for (std::size_t i = 0; i < 6; ++i)
    CHECK(summary.standard_deviation()[i] == doctest::Approx(deviations[i]).epsilon(1e-6));
  CHECK(summary.quantile(0.0) == Values{0, 1, 2, 3, 4, 1});
  CHECK(summary.quantile(0.1) == Values{13, 17, 21, 33, 16, 7});
  CHECK(summary.quantile(0.5) == Values{109, 119, 114, 135, 132, 95});
  CHECK(summary.quantile(0.9) == Values{237, 239, 202, 227, 213, 211});
  CHECK(summary.quantile(1.0) == Values{253, 251, 249, 247, 245, 255});
  CHECK(summary.thresholded(0.475) == Map{0, 1, 0, 1, 1, 0});
  CHECK(summary.thresholded(0.475, 127) == Map{0, 1, 0, 1, 1, 0});
}

TEST_CASE("the summary of masks equals counting the stored samples, at every share") {
  constexpr std::size_t elements = 200;
  constexpr int n = 25;
  std::mt19937 random(1);
  SampleSummary summary({.elements = elements});
  std::vector<int> ones(elements);
  for (int sample = 0; sample < n; ++sample) {
    Values mask(elements);
    for (std::size_t i = 0; i < elements; ++i) mask[i] = random() % elements < i ? 1.0F : 0.0F;
    for (std::size_t i = 0; i < elements; ++i) ones[i] += mask[i] != 0.0F;
    summary.add(mask);
  }
  const Values mean = summary.mean();
  for (std::size_t i = 0; i < elements; ++i)
    CHECK(mean[i] == doctest::Approx(static_cast<double>(ones[i]) / n));
  for (int k = 0; k <= n; ++k) {
    // k / n is where rounding would decide.
    const double share = static_cast<double>(k) / n;
    const Map thresholded = summary.thresholded(share);
    const Values quantile = summary.quantile(share);
    for (std::size_t i = 0; i < elements; ++i) {
      CHECK(thresholded[i] == (ones[i] >= k ? 1 : 0));
      const bool zero = n - ones[i] >= std::max(k, 1);  // so many zeros reach the share
      CHECK(quantile[i] == (zero ? 0.0F : 1.0F));
    }
  }
}

TEST_CASE("between centres quantiles are right to half a bin, and mean and deviation are exact") {
  constexpr std::size_t elements = 50;
  constexpr int n = 301;
  constexpr int bins = 21;
  constexpr double half_bin = 5.0 / (bins - 1) / 2;
  std::mt19937 random(2);
  std::uniform_real_distribution<float> uniform(-2.0F, 3.0F);
  SampleSummary summary({.elements = elements, .low = -2, .high = 3, .bins = bins});
  std::vector<Values> samples;
  for (int sample = 0; sample < n; ++sample) {
    samples.emplace_back();
    for (std::size_t i = 0; i < elements; ++i) samples.back().push_back(uniform(random));
    summary.add(samples.back());
  }
  for (const double q : {0.0, 0.05, 0.25, 0.5, 0.95, 1.0}) {
    const Values quantile = summary.quantile(q);
    const auto rank = static_cast<std::size_t>(std::max(1.0, std::ceil(q * n))) - 1;
    for (std::size_t i = 0; i < elements; ++i)
      CHECK(std::abs(quantile[i] - sorted(samples, i)[rank]) <= half_bin + 1e-6);
  }
  const Values mean = summary.mean();
  const Values deviation = summary.standard_deviation();
  const Map above_one = summary.thresholded(0.4, 1.125);  // 1.125 is an edge between two bins
  for (std::size_t i = 0; i < elements; ++i) {
    double sum = 0.0, squares = 0.0;
    int above = 0;
    for (const Values& sample : samples) sum += sample[i];
    for (const Values& sample : samples) squares += std::pow(sample[i] - sum / n, 2);
    for (const Values& sample : samples) above += sample[i] > 1.125F;
    CHECK(mean[i] == doctest::Approx(sum / n).epsilon(1e-6));
    CHECK(deviation[i] == doctest::Approx(std::sqrt(squares / n)).epsilon(1e-6));
    CHECK(above_one[i] == (above >= 0.4 * n ? 1 : 0));
  }
}

TEST_CASE("the deviation survives a mean that is large beside it") {
  SampleSummary summary({.elements = 1, .low = 0, .high = 100000, .bins = 2});
  for (int i = 0; i < 1000; ++i) summary.add(Values{i % 2 == 0 ? 99999.0F : 99999.25F});
  CHECK(summary.standard_deviation()[0] == doctest::Approx(0.125).epsilon(1e-6));
}

TEST_CASE("the least and the largest value have bins of their own") {
  SampleSummary summary({.elements = 1, .low = 0.1F, .high = 0.7F, .bins = 1000});
  summary.add(Values{0.1F});
  CHECK(summary.quantile(0.5)[0] == 0.1F);
  summary.add(Values{0.7F});
  CHECK(summary.quantile(0.5)[0] == 0.1F);
  CHECK(summary.quantile(0.51)[0] == 0.7F);
}

#ifdef __GLIBC__
TEST_CASE("more samples take no more memory") {
  const auto allocated = [] {
    const auto info = ::mallinfo2();
    return info.uordblks + info.hblkhd;
  };
  const Values sample(1000, 0.25F);
  const auto nothing = allocated();
  SampleSummary summary({.elements = sample.size(), .bins = 64});
  const auto empty = allocated();
  for (int i = 0; i < 500; ++i) summary.add(sample);
  const auto full = allocated();
  CHECK(full == empty);
  CHECK(empty - nothing < sample.size() * (4 * 64 + 16) + 10000);
}
#endif

TEST_CASE("a summary says what is wrong, and a refused sample changes nothing") {
  CHECK_THROWS_WITH_AS(SampleSummary({}), "SampleSummary: expected samples of 1 or more elements, got 0",
                       cnf::Error);
  CHECK_THROWS_WITH_AS(SampleSummary({.elements = 2, .bins = 1}),
                       "SampleSummary: expected 2 or more bins, got 1", cnf::Error);
  CHECK_THROWS_WITH_AS(SampleSummary({.elements = 2, .low = 1}),
                       "SampleSummary: expected finite low < high, got 1.000000 and 1.000000", cnf::Error);
  SampleSummary summary({.elements = 2});
  const char* empty = "SampleSummary: expected at least one sample before reading, got none";
  CHECK_THROWS_WITH_AS(summary.mean(), empty, cnf::Error);
  CHECK_THROWS_WITH_AS(summary.standard_deviation(), empty, cnf::Error);
  CHECK_THROWS_WITH_AS(summary.quantile(0.5), empty, cnf::Error);
  CHECK_THROWS_WITH_AS(summary.thresholded(0.5), empty, cnf::Error);

  summary.add(Values{0, 1});
  CHECK_THROWS_WITH_AS(summary.add(Values{0, 1, 0}), "SampleSummary: expected samples of 2 elements, got 3",
                       cnf::Error);
  CHECK_THROWS_WITH_AS(summary.add(Values{1, 1.5F}),
                       "SampleSummary: expected element 1 in [0.000000, 1.000000], got 1.500000", cnf::Error);
  CHECK_THROWS_WITH_AS(summary.add(Values{1, std::numeric_limits<float>::quiet_NaN()}),
                       "SampleSummary: expected element 1 in [0.000000, 1.000000], got nan", cnf::Error);
  CHECK_THROWS_AS(summary.add(Values{-0.5F, 0}), cnf::Error);
  CHECK(summary.count() == 1);
  CHECK(summary.mean() == Values{0, 1});
  CHECK(summary.quantile(1.0) == Values{0, 1});
  CHECK_THROWS_WITH_AS(summary.quantile(1.5), "SampleSummary: expected a quantile in [0, 1], got 1.500000",
                       cnf::Error);
  CHECK_THROWS_WITH_AS(summary.thresholded(-1.0),
                       "SampleSummary: expected a probability in [0, 1], got -1.000000", cnf::Error);
  CHECK_THROWS_WITH_AS(summary.thresholded(0.5, 2.0),
                       "SampleSummary: expected a level in [0.000000, 1.000000], got 2.000000", cnf::Error);
}
