// What n samples of one distribution say about each of their elements, in memory that does not grow with n.
//
// Mean and (population) standard deviation follow Welford (Technometrics 1962) in double, whatever the bins.
// For the rest every element keeps a histogram with `bins` bins whose centres go evenly from `low` to `high`:
//     centre_b = low + b (high - low) / (bins - 1),   a value belongs to the nearest centre
// and counts as it. So quantiles are exact when every possible value is a centre (masks: low 0, high 1, 2
// bins; 8-bit values: 0, 255, 256 bins), and otherwise right to half the distance of two centres. Values,
// `low` and `high` share one unit. Memory: elements * (4 * bins + 16) bytes. Throws cnf::Error for options
// without a range, samples of another size, values not in [low, high] and reading before the first add();
// a sample that is refused changes nothing.
//
//     cnf::metrics::SampleSummary summary({.elements = 64 * 64, .low = 0, .high = 1, .bins = 2});
//     for (int i = 0; i < 25; ++i) summary.add(draw_mask(i));
//     std::vector<float> probability = summary.mean();
//     std::vector<std::uint8_t> likely = summary.thresholded(0.5);  // 1 in at least half of the samples
#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "cnf/core/error.hpp"

namespace cnf::metrics {

/// Which histogram the quantiles come from.
struct SampleSummaryOptions {
  std::size_t elements = 0;  // values in one sample
  float low = 0.0F;          // the least possible value
  float high = 1.0F;         // the largest possible value
  int bins = 2;              // a histogram's bins; 2 or more
};

class SampleSummary {
 public:
  /// Of none yet.
  explicit SampleSummary(const SampleSummaryOptions& options)
      : elements_(options.elements), low_(options.low), high_(options.high) {
    if (elements_ < 1) throw Error("SampleSummary: expected samples of 1 or more elements, got 0");
    if (options.bins < 2)
      throw Error("SampleSummary: expected 2 or more bins, got " + std::to_string(options.bins));
    if (!std::isfinite(low_) || !std::isfinite(high_) || low_ >= high_)
      throw Error("SampleSummary: expected finite low < high, got " + std::to_string(low_) + " and " +
                  std::to_string(high_));
    bins_ = static_cast<std::size_t>(options.bins);
    mean_.resize(options.elements);
    squares_.resize(options.elements);
    histogram_.resize(options.elements * bins_);
  }

  /// One more sample.
  void add(std::span<const float> sample) {
    if (sample.size() != elements_)
      throw Error("SampleSummary: expected samples of " + std::to_string(elements_) + " elements, got " +
                  std::to_string(sample.size()));
    for (std::size_t i = 0; i < sample.size(); ++i)
      if (!in_range(sample[i])) fail("element " + std::to_string(i), sample[i]);
    ++count_;
    for (std::size_t i = 0; i < sample.size(); ++i) {
      const double value = static_cast<double>(sample[i]);
      const double difference = value - mean_[i];
      mean_[i] += difference / count_;
      squares_[i] += difference * (value - mean_[i]);
      const double place = (value - low_) / (high_ - low_) * static_cast<double>(bins_ - 1);
      ++histogram_[i * bins_ + static_cast<std::size_t>(std::lround(place))];
    }
  }

  /// How many samples were added.
  int count() const { return count_; }

  /// Of every number.
  std::vector<float> mean() const {
    return map<float>([&](std::size_t i) { return mean_[i]; });
  }

  /// Of every number.
  std::vector<float> standard_deviation() const {
    return map<float>([&](std::size_t i) { return std::sqrt(squares_[i] / count_); });
  }

  /// The smallest bin centre that at least a share q of the samples does not exceed: 0 gives the least
  /// sample, 1 the largest.
  std::vector<float> quantile(double q) const {
    check_share("quantile", q);
    return map<float>([&](std::size_t i) {
      std::size_t bin = 0;
      double below = histogram_[i * bins_];
      // As a quotient: 0.07 * 100 exceeds 7, while 7 / 100 is 0.07.
      while (below == 0.0 || below / count_ < q) below += histogram_[i * bins_ + ++bin];
      return centre(bin);
    });
  }

  /// 1 where at least a share `probability` of the samples is above `level`.
  std::vector<std::uint8_t> thresholded(double probability, double level) const {
    check_share("probability", probability);
    if (!in_range(level)) fail("a level", level);
    return map<std::uint8_t>([&](std::size_t i) {
      double above = 0.0;
      for (std::size_t bin = bins_; bin > 0 && centre(bin - 1) > level; --bin)
        above += histogram_[i * bins_ + bin - 1];
      return above / count_ >= probability ? 1 : 0;
    });
  }

  /// The same with the level half way between low and high. For masks it is mean >= probability, without the
  /// rounding of mean() to float.
  std::vector<std::uint8_t> thresholded(double probability) const {
    return thresholded(probability, low_ + (high_ - low_) / 2.0);
  }

 private:
  double centre(std::size_t bin) const {
    return low_ + static_cast<double>(bin) * (high_ - low_) / static_cast<double>(bins_ - 1);
  }

  template <class Value, class OfElement>
  std::vector<Value> map(OfElement of_element) const {
    if (count_ == 0) throw Error("SampleSummary: expected at least one sample before reading, got none");
    std::vector<Value> values(elements_);
    for (std::size_t i = 0; i < values.size(); ++i) values[i] = static_cast<Value>(of_element(i));
    return values;
  }

  bool in_range(double value) const { return value >= low_ && value <= high_; }

  [[noreturn]] void fail(const std::string& what, double value) const {
    throw Error("SampleSummary: expected " + what + " in [" + std::to_string(low_) + ", " +
                std::to_string(high_) + "], got " + std::to_string(value));
  }

  static void check_share(const char* what, double value) {
    if (!(value >= 0.0 && value <= 1.0))
      throw Error("SampleSummary: expected a " + std::string(what) + " in [0, 1], got " +
                  std::to_string(value));
  }

  std::size_t elements_;
  double low_;
  double high_;
  std::size_t bins_ = 0;
  int count_ = 0;
  std::vector<double> mean_;
  std::vector<double> squares_;  // the sum of squared differences from the mean
  std::vector<std::uint32_t> histogram_;
};

}  // namespace cnf::metrics
