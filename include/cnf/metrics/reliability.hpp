// Reliability diagram and calibration error of scores that claim to be probabilities of label 1.
//
//     ECE = sum_b (n_b / n) |frequency_b - mean_score_b|
// (Naeini et al., AAAI 2015; Guo et al., ICML 2017, equation 3, here for the probability of the positive
// label). Bin b of B holds the scores in (b/B, (b+1)/B], as in Guo et al.; a score of 0 belongs to the first.
// frequency_b is the share of label 1 among them. A perfectly calibrated diagram lies on the diagonal, and
// its ECE is 0; the ECE of few elements is biased upwards. Labels and masks as in precision_recall.hpp;
// several images are pooled. Throws cnf::Error for sizes that differ, a score outside [0, 1], a label or mask
// other than 0 and 1, no bins, and when nothing was added.
//
//     cnf::metrics::Reliability reliability(10);
//     reliability.add(scores, labels, mask);
//     double ece = reliability.expected_calibration_error();
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <string>
#include <vector>

#include "cnf/core/error.hpp"
#include "cnf/metrics/precision_recall.hpp"

namespace cnf::metrics {

// The two means of an empty bin are NaN.
struct ReliabilityBin {
  /// Of the predictions in the bin.
  double mean_score = 0.0;
  /// Of ones among their labels.
  double frequency = 0.0;
  /// Predictions in the bin.
  long count = 0;
};

class Reliability {
 public:
  /// With bins of equal width.
  explicit Reliability(int bins = 10) {
    if (bins < 1) throw Error("Reliability: expected 1 or more bins, got " + std::to_string(bins));
    sums_.resize(static_cast<std::size_t>(bins));
  }

  /// The scores and labels of one image; where the mask is 0 they do not count.
  void add(std::span<const float> scores, std::span<const std::uint8_t> labels,
           std::span<const std::uint8_t> mask = {}) {
    detail::check_mask("Reliability", mask, scores.size());
    detail::check_map("Reliability", "label", labels, mask, scores.size());
    for (std::size_t i = 0; i < scores.size(); ++i) {
      if (detail::inside(mask, i) && !(scores[i] >= 0.0F && scores[i] <= 1.0F))
        throw Error("Reliability: expected scores in [0, 1], got " + std::to_string(scores[i]) +
                    " at element " + std::to_string(i));
    }
    for (std::size_t i = 0; i < scores.size(); ++i) {
      if (!detail::inside(mask, i)) continue;
      Sums& sums = sums_[bin(scores[i])];
      sums.scores += static_cast<double>(scores[i]);
      sums.positives += labels[i];
      ++sums.count;
      ++total_;
    }
  }

  /// From low scores to high ones.
  std::vector<ReliabilityBin> bins() const {
    check_not_empty();
    std::vector<ReliabilityBin> result;
    for (const Sums& sums : sums_) {
      const double n =
          sums.count == 0 ? std::numeric_limits<double>::quiet_NaN() : static_cast<double>(sums.count);
      result.push_back({sums.scores / n, static_cast<double>(sums.positives) / n, sums.count});
    }
    return result;
  }

  /// The mean |mean_score - frequency|, weighted by counts.
  double expected_calibration_error() const {
    check_not_empty();
    double sum = 0.0;
    for (const Sums& sums : sums_) sum += std::abs(static_cast<double>(sums.positives) - sums.scores);
    return sum / static_cast<double>(total_);
  }

 private:
  struct Sums {
    double scores = 0.0;
    long positives = 0;
    long count = 0;
  };

  // The product is rounded to float on purpose: 0.7F * 10 is then 7 again, though 0.7F lies below 0.7, so
  // that frequencies such as 7 of 10 stay on their own side of an edge.
  std::size_t bin(float score) const {
    const float place = std::ceil(score * static_cast<float>(sums_.size()));
    return std::min(place < 1.0F ? 0 : static_cast<std::size_t>(place) - 1, sums_.size() - 1);
  }

  void check_not_empty() const {
    if (total_ == 0) throw Error("Reliability: expected at least one element, got none");
  }

  std::vector<Sums> sums_;
  long total_ = 0;
};

}  // namespace cnf::metrics
