#include "cnf/metrics/reliability.hpp"

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <random>
#include <span>
#include <vector>

#include "support/doctest.hpp"

using cnf::metrics::Reliability;

namespace {

using Map = std::vector<std::uint8_t>;

}  // namespace

TEST_CASE("the reliability diagram and its error equal NumPy's, also of images added one by one") {
  // The pixels of tests/golden/metrics.py.
  std::vector<float> scores;
  Map labels, mask;
  for (int i = 0; i < 500; ++i) {
    const int hundredths = (37 * i * i + 11 * i) % 101;
    scores.push_back(static_cast<float>(hundredths) / 100.0F);
    labels.push_back(hundredths + (29 * i) % 90 > 100);
    mask.push_back(i % 7 != 0);
  }
  Reliability one, two;
  one.add(scores, labels, mask);
  const auto part = [](const auto& values, std::size_t first) {
    return std::span(values).subspan(first, 250);
  };
  for (const std::size_t first : {std::size_t{0}, std::size_t{250}})
    two.add(part(scores, first), part(labels, first), part(mask, first));
  for (const Reliability* reliability : {&one, &two}) {
    const auto bins = reliability->bins();
    REQUIRE(bins.size() == 10);
    CHECK(bins[0].mean_score == doctest::Approx(0.0290909091).epsilon(1e-7));
    CHECK(bins[0].frequency == 0.0);
    CHECK(bins[0].count == 33);
    CHECK(bins[6].mean_score == doctest::Approx(0.6606779661).epsilon(1e-7));
    CHECK(bins[6].frequency == doctest::Approx(0.5762711864).epsilon(1e-9));
    CHECK(bins[6].count == 59);
    CHECK(reliability->expected_calibration_error() == doctest::Approx(0.0752336449).epsilon(1e-7));
  }
}

TEST_CASE("a score on an edge belongs to the lower bin, for every number of samples it may be a share of") {
  for (const int bins : {1, 2, 3, 5, 10, 15, 20}) {
    Reliability reliability(bins);
    std::vector<long> expected(static_cast<std::size_t>(bins));
    for (int n = 1; n <= 100; ++n) {
      for (int k = 0; k <= n; ++k) {
        reliability.add(std::vector<float>{static_cast<float>(k) / static_cast<float>(n)}, Map{0});
        ++expected[static_cast<std::size_t>(k == 0 ? 0 : (k * bins - 1) / n)];
      }
    }
    CAPTURE(bins);
    const auto found = reliability.bins();
    for (std::size_t b = 0; b < found.size(); ++b) CHECK(found[b].count == expected[b]);
  }
}

TEST_CASE("labels drawn with their scores' probabilities are calibrated; overconfident scores are not") {
  std::mt19937 random(1);
  std::uniform_real_distribution<float> uniform;
  std::vector<float> scores, overconfident;
  Map labels;
  for (int i = 0; i < 200000; ++i) {
    scores.push_back(uniform(random));
    overconfident.push_back(scores.back() > 0.5F ? 1.0F : 0.0F);
    labels.push_back(uniform(random) < scores.back());
  }
  Reliability calibrated, wrong;
  calibrated.add(scores, labels);
  wrong.add(overconfident, labels);
  CHECK(calibrated.expected_calibration_error() < 0.01);
  CHECK(wrong.expected_calibration_error() == doctest::Approx(0.25).epsilon(0.02));
}

TEST_CASE("an empty bin has a count of 0 and no means") {
  Reliability reliability(4);
  reliability.add(std::vector<float>{0.0F, 1.0F, 0.6F}, Map{0, 1, 1});
  const auto bins = reliability.bins();
  CHECK(bins[1].count == 0);
  CHECK(std::isnan(bins[1].mean_score));
  CHECK(std::isnan(bins[1].frequency));
  CHECK(bins[0].mean_score == 0.0);
  CHECK(bins[3].mean_score == 1.0);
  CHECK(reliability.expected_calibration_error() == doctest::Approx(0.4 / 3));
}

TEST_CASE("a reliability diagram says what is wrong, and a refused image changes nothing") {
  CHECK_THROWS_WITH_AS(Reliability(0), "Reliability: expected 1 or more bins, got 0", cnf::Error);
  Reliability reliability;
  const char* empty = "Reliability: expected at least one element, got none";
  CHECK_THROWS_WITH_AS(reliability.bins(), empty, cnf::Error);
  CHECK_THROWS_WITH_AS(reliability.expected_calibration_error(), empty, cnf::Error);
  reliability.add(std::vector<float>{2.0F, 0.5F}, Map{7, 1}, Map{0, 1});
  CHECK_THROWS_WITH_AS(reliability.add(std::vector<float>{0.5F, 1.5F}, Map{0, 0}),
                       "Reliability: expected scores in [0, 1], got 1.500000 at element 1", cnf::Error);
  CHECK_THROWS_AS(reliability.add(std::vector<float>{std::numeric_limits<float>::quiet_NaN()}, Map{0}),
                  cnf::Error);
  CHECK_THROWS_WITH_AS(reliability.add(std::vector<float>{0.5F}, Map{2}),
                       "Reliability: expected a label of 0 and 1, got 2 at element 0", cnf::Error);
  CHECK_THROWS_WITH_AS(reliability.add(std::vector<float>{0.5F}, Map{0, 1}),
                       "Reliability: expected a label of 1 elements, got 2", cnf::Error);
  CHECK(reliability.expected_calibration_error() == 0.5);
  CHECK(reliability.bins()[4].count == 1);
}
