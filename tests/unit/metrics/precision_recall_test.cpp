#include "cnf/metrics/precision_recall.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <random>
#include <set>
#include <span>
#include <vector>

#include "support/doctest.hpp"

using cnf::metrics::Confusion;
using cnf::metrics::confusion;
using cnf::metrics::PrecisionRecall;
using cnf::metrics::PrPoint;

namespace {

using Map = std::vector<std::uint8_t>;

struct Pixels {
  std::vector<float> scores;
  Map labels;
  Map mask;
};

// The pixels of tests/golden/metrics.py.
Pixels golden() {
  Pixels pixels;
  for (int i = 0; i < 500; ++i) {
    const int hundredths = (37 * i * i + 11 * i) % 101;
    pixels.scores.push_back(static_cast<float>(hundredths) / 100.0F);
    pixels.labels.push_back(hundredths + (29 * i) % 90 > 100);
    pixels.mask.push_back(i % 7 != 0);
  }
  return pixels;
}

// Few distinct scores give ties within and between the labels.
Pixels random_pixels(int count, int distinct, unsigned seed) {
  std::mt19937 random(seed);
  Pixels pixels;
  for (int i = 0; i < count; ++i) {
    const int label = random() % 5 == 0;
    const int level = static_cast<int>(random() % static_cast<unsigned>(distinct)) + label * distinct / 4;
    pixels.scores.push_back(static_cast<float>(level) / 8.0F - 3.0F);
    pixels.labels.push_back(static_cast<std::uint8_t>(label));
    pixels.mask.push_back(random() % 3 != 0);
  }
  return pixels;
}

PrecisionRecall of(const Pixels& pixels, std::span<const std::uint8_t> mask = {}) {
  PrecisionRecall result;
  result.add(pixels.scores, pixels.labels, mask);
  return result;
}

// One pass over all pixels for every threshold, on thresholded maps.
std::vector<PrPoint> brute_force(const Pixels& pixels, std::span<const std::uint8_t> mask) {
  std::set<float, std::greater<>> thresholds;
  for (std::size_t i = 0; i < pixels.scores.size(); ++i)
    if (mask.empty() || mask[i] != 0) thresholds.insert(pixels.scores[i]);
  std::vector<PrPoint> points;
  for (const float threshold : thresholds) {
    Map prediction;
    for (const float score : pixels.scores) prediction.push_back(score >= threshold);
    const Confusion sum = confusion(prediction, pixels.labels, mask);
    points.push_back({threshold, sum.precision(), sum.recall(), sum.f()});
  }
  return points;
}

bool same(const PrPoint& a, const PrPoint& b) {
  return a.threshold == b.threshold && a.precision == b.precision && a.recall == b.recall && a.f == b.f;
}

bool same(const std::vector<PrPoint>& a, const std::vector<PrPoint>& b) {
  return std::ranges::equal(a, b, [](const PrPoint& p, const PrPoint& q) { return same(p, q); });
}

PrPoint sum(const std::vector<PrPoint>& points) {
  PrPoint sum;
  for (const PrPoint& point : points) {
    sum.precision += point.precision;
    sum.recall += point.recall;
    sum.f += point.f;
  }
  return sum;
}

const Map none;

}  // namespace

TEST_CASE("confusion counts inside the mask only, and sums") {
  const Map prediction{1, 1, 1, 0, 0, 0, 0, 7};
  const Map label{1, 1, 0, 1, 0, 0, 0, 9};
  const Map mask{1, 1, 1, 1, 1, 1, 0, 0};  // what is outside may be anything
  Confusion sum = confusion(prediction, label, mask);
  CHECK(sum == Confusion{.tp = 2, .fp = 1, .fn = 1, .tn = 2});
  CHECK(sum.precision() == doctest::Approx(2.0 / 3.0));
  CHECK(sum.recall() == doctest::Approx(2.0 / 3.0));
  sum += confusion(Map{1, 0, 0}, Map{0, 1, 1});
  CHECK(sum == Confusion{.tp = 2, .fp = 2, .fn = 3, .tn = 2});
  CHECK(sum.precision() == 0.5);
  CHECK(sum.recall() == 0.4);
  CHECK(sum.f() == doctest::Approx(2 * 0.5 * 0.4 / 0.9));
}

TEST_CASE("0/0 is 1: nothing claimed, nothing to find") {
  const Confusion nothing_claimed{.fn = 3, .tn = 4};
  CHECK(nothing_claimed.precision() == 1.0);
  CHECK(nothing_claimed.recall() == 0.0);
  CHECK(nothing_claimed.f() == 0.0);
  const Confusion nothing_to_find{.fp = 3, .tn = 4};
  CHECK(nothing_to_find.precision() == 0.0);
  CHECK(nothing_to_find.recall() == 1.0);
  CHECK(nothing_to_find.f() == 0.0);
  CHECK(Confusion{.tn = 4}.f() == 1.0);
}

TEST_CASE("the precision-recall curve equals NumPy's") {
  const Pixels pixels = golden();
  const auto everywhere = of(pixels);
  const auto curve = everywhere.curve();
  CHECK(curve.size() == 51);
  CHECK(sum(curve).precision == doctest::Approx(34.0881635324).epsilon(1e-10));
  CHECK(sum(curve).recall == doctest::Approx(36.1004784689).epsilon(1e-10));
  CHECK(sum(curve).f == doctest::Approx(31.0523208298).epsilon(1e-10));
  const PrPoint best = everywhere.best();
  CHECK(best.threshold == 0.45F);
  CHECK(best.f == doctest::Approx(0.7385892116).epsilon(1e-9));
  CHECK(best.precision == doctest::Approx(0.6520146520).epsilon(1e-9));
  CHECK(best.recall == doctest::Approx(0.8516746411).epsilon(1e-9));

  const auto masked = of(pixels, pixels.mask);
  CHECK(sum(masked.curve()).precision == doctest::Approx(34.6798586486).epsilon(1e-10));
  CHECK(sum(masked.curve()).recall == doctest::Approx(36.1049723757).epsilon(1e-10));
  CHECK(masked.best().f == doctest::Approx(0.7591240876).epsilon(1e-9));
}

TEST_CASE("the curve of tied scores equals thresholding at every distinct score") {
  for (const unsigned seed : {1U, 2U, 3U}) {
    const Pixels pixels = random_pixels(700, 40, seed);
    CHECK(same(of(pixels).curve(), brute_force(pixels, none)));
    const auto points = brute_force(pixels, pixels.mask);
    CHECK(same(of(pixels, pixels.mask).curve(), points));
    const PrPoint best = *std::ranges::max_element(points, {}, &PrPoint::f);
    CHECK(same(of(pixels, pixels.mask).best(), best));
  }
}

TEST_CASE("several images are pooled, in any order, which is not the mean of their best F") {
  const Pixels pixels = golden();
  const std::span scores(pixels.scores);
  const std::span labels(pixels.labels);
  PrecisionRecall pooled, reversed, first, second;
  first.add(scores.first(250), labels.first(250));
  second.add(scores.last(250), labels.last(250));
  for (PrecisionRecall* both : {&pooled, &reversed}) {
    const bool forward = both == &pooled;
    both->add(forward ? scores.first(250) : scores.last(250), forward ? labels.first(250) : labels.last(250));
    both->add(forward ? scores.last(250) : scores.first(250), forward ? labels.last(250) : labels.first(250));
  }
  CHECK(same(pooled.curve(), of(pixels).curve()));
  CHECK(same(reversed.curve(), of(pixels).curve()));
  CHECK(first.best().threshold == 0.40F);
  CHECK(first.best().f == doctest::Approx(0.7430830040).epsilon(1e-9));
  CHECK(second.best().threshold == 0.45F);
  CHECK(second.best().f == doctest::Approx(0.7438016529).epsilon(1e-9));
  CHECK(pooled.best().f < (first.best().f + second.best().f) / 2);
}

TEST_CASE("of equal F the highest threshold is the best") {
  const std::vector<float> scores{0.9F, 0.8F, 0.7F, 0.6F};
  PrecisionRecall two;
  two.add(scores, Map{1, 0, 0, 1});  // F: 2/3, 1/2, 2/5, 2/3
  CHECK(two.best().threshold == 0.9F);
  CHECK(two.best().f == doctest::Approx(2.0 / 3.0));
}

TEST_CASE("a thinned curve keeps the first, the last and the best of the full curve's points") {
  // As in a segmentation: one positive in ten, and most negatives far below.
  std::mt19937 random(4);
  std::uniform_real_distribution<float> uniform;
  Pixels pixels;
  for (int i = 0; i < 20000; ++i) {
    const bool label = i % 10 == 0;
    const float score = uniform(random);
    pixels.scores.push_back(label ? 0.3F + 0.7F * score : score * score * score);
    pixels.labels.push_back(label);
  }
  const auto all = of(pixels);
  const auto curve = all.curve();
  REQUIRE(curve.size() > 15000);
  for (const std::size_t at_most : {3U, 4U, 10U, 200U}) {
    CAPTURE(at_most);
    const auto thin = all.curve(at_most);
    CHECK(thin.size() <= at_most);
    CHECK(thin.size() + 2 >= at_most);
    CHECK(same(thin.front(), curve.front()));
    CHECK(same(thin.back(), curve.back()));
    CHECK(std::ranges::any_of(thin, [&](const PrPoint& p) { return same(p, all.best()); }));
    CHECK(std::ranges::is_sorted(thin, std::greater<>(), &PrPoint::threshold));
    for (const PrPoint& point : thin)
      CHECK(std::ranges::any_of(curve, [&](const PrPoint& p) { return same(p, point); }));
  }
  const auto thin = all.curve(200);
  for (std::size_t i = 1; i < thin.size(); ++i) CHECK(thin[i].recall - thin[i - 1].recall < 2.0 / 197);
  CHECK(same(all.curve(curve.size()), curve));
  CHECK_THROWS_WITH_AS(all.curve(2), "PrecisionRecall: expected a curve of at least 3 points, got 2",
                       cnf::Error);
}

TEST_CASE("a perfect and a constant score") {
  const Map labels{0, 1, 0, 1, 0};
  PrecisionRecall perfect, constant;
  perfect.add(std::vector<float>{-5, 80, 0, 3, 2.5F}, labels);
  CHECK(perfect.best().f == 1.0);
  CHECK(perfect.best().threshold == 3.0);
  constant.add(std::vector<float>(5, 0.5F), labels);
  CHECK(constant.curve().size() == 1);
  CHECK(constant.best().precision == doctest::Approx(0.4));
  CHECK(constant.best().recall == 1.0);
}

TEST_CASE("precision and recall say what is wrong, and a refused image changes nothing") {
  PrecisionRecall sum;
  CHECK_THROWS_WITH_AS(sum.best(),
                       "PrecisionRecall: expected at least one positive label, got no elements at all",
                       cnf::Error);
  sum.add(std::vector<float>{0.5F, 0.25F}, Map{1, 0}, Map{0, 1});
  CHECK_THROWS_WITH_AS(sum.curve(),
                       "PrecisionRecall: expected at least one positive label, got 1 negative ones only",
                       cnf::Error);
  sum.add(std::vector<float>{0.75F}, Map{1});
  const auto before = sum.curve();
  CHECK_THROWS_WITH_AS(sum.add(std::vector<float>(5), Map(4)),
                       "PrecisionRecall: expected a label of 5 elements, got 4", cnf::Error);
  CHECK_THROWS_WITH_AS(sum.add(std::vector<float>(5), Map(5), Map(6)),
                       "PrecisionRecall: expected a mask of 5 elements, got 6", cnf::Error);
  CHECK_THROWS_WITH_AS(sum.add(std::vector<float>(2), Map{0, 255}),
                       "PrecisionRecall: expected a label of 0 and 1, got 255 at element 1", cnf::Error);
  CHECK_THROWS_WITH_AS(sum.add(std::vector<float>(2), Map{0, 1}, Map{2, 1}),
                       "PrecisionRecall: expected a mask of 0 and 1, got 2 at element 0", cnf::Error);
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const float infinite = std::numeric_limits<float>::infinity();
  CHECK_THROWS_WITH_AS(sum.add(std::vector<float>{0.5F, nan}, Map{1, 1}),
                       "PrecisionRecall: expected finite scores, got nan at element 1", cnf::Error);
  CHECK_THROWS_WITH_AS(sum.add(std::vector<float>{0.5F, infinite}, Map{1, 1}),
                       "PrecisionRecall: expected finite scores, got inf at element 1", cnf::Error);
  CHECK(same(sum.curve(), before));
  CHECK_NOTHROW(sum.add(std::vector<float>{nan, 0.5F}, Map{3, 1}, Map{0, 1}));
  CHECK(sum.curve().size() == before.size() + 1);

  CHECK_THROWS_WITH_AS(confusion(Map(3), Map(4)), "confusion: expected a prediction of 4 elements, got 3",
                       cnf::Error);
  CHECK_THROWS_WITH_AS(confusion(Map{2}, Map{0}),
                       "confusion: expected a prediction of 0 and 1, got 2 at element 0", cnf::Error);
}
