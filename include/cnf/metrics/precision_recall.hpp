// Precision, recall and F of a binary map against a labelled one, at one threshold or at all of them.
//
//     precision = tp / (tp + fp),   recall = tp / (tp + fn),   F = 2 tp / (2 tp + fp + fn)
// (F is the harmonic mean of the two: van Rijsbergen, Information Retrieval, 1979). 0/0 is 1 in all three:
// claiming nothing is not wrong, where nothing is to be found nothing is missed, two empty maps agree.
// A score is positive at a threshold when score >= threshold; scores need not be probabilities. Labels,
// predictions and masks are 0 or 1; an empty mask means everywhere, and what lies outside is never read.
// Images added to one PrecisionRecall are pooled: all their pixels share one threshold. The other figure in
// use, the mean over images of each image's best F, is one PrecisionRecall an image and the mean of their
// best().f. Throws cnf::Error for sizes that differ, a score that is not finite, a value other than 0 and 1,
// and when a curve is asked for without any positive label.
//
//     cnf::metrics::PrecisionRecall pooled;
//     for (const auto& image : images) pooled.add(image.scores, image.labels, image.mask);
//     double f = pooled.best().f;
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "cnf/core/error.hpp"

namespace cnf::metrics {

namespace detail {

inline bool inside(std::span<const std::uint8_t> mask, std::size_t i) { return mask.empty() || mask[i] != 0; }

inline void check_map(const std::string& metric, const std::string& what, std::span<const std::uint8_t> map,
                      std::span<const std::uint8_t> mask, std::size_t elements) {
  if (map.size() != elements)
    throw Error(metric + ": expected a " + what + " of " + std::to_string(elements) + " elements, got " +
                std::to_string(map.size()));
  for (std::size_t i = 0; i < map.size(); ++i) {
    if (map[i] > 1 && inside(mask, i))
      throw Error(metric + ": expected a " + what + " of 0 and 1, got " + std::to_string(map[i]) +
                  " at element " + std::to_string(i));
  }
}

inline void check_mask(const std::string& metric, std::span<const std::uint8_t> mask, std::size_t elements) {
  if (!mask.empty()) check_map(metric, "mask", mask, {}, elements);
}

}  // namespace detail

/// Counts of pixels by prediction and label.
struct Confusion {
  /// Predicted and there.
  long tp = 0;
  /// Predicted and not there.
  long fp = 0;
  /// There and not predicted.
  long fn = 0;
  /// Neither.
  long tn = 0;

  /// Right among those that are predicted.
  double precision() const { return ratio(tp, tp + fp); }
  /// Found among those that are there.
  double recall() const { return ratio(tp, tp + fn); }
  /// The harmonic mean of precision and recall.
  double f() const { return ratio(2 * tp, 2 * tp + fp + fn); }

  Confusion& operator+=(const Confusion& other) {
    tp += other.tp;
    fp += other.fp;
    fn += other.fn;
    tn += other.tn;
    return *this;
  }
  bool operator==(const Confusion&) const = default;

 private:
  static double ratio(long part, long whole) {
    return whole == 0 ? 1.0 : static_cast<double>(part) / static_cast<double>(whole);
  }
};

/// Of one mask.
inline Confusion confusion(std::span<const std::uint8_t> prediction, std::span<const std::uint8_t> label,
                           std::span<const std::uint8_t> mask = {}) {
  detail::check_mask("confusion", mask, label.size());
  detail::check_map("confusion", "label", label, mask, label.size());
  detail::check_map("confusion", "prediction", prediction, mask, label.size());
  Confusion sum;
  for (std::size_t i = 0; i < label.size(); ++i) {
    if (!detail::inside(mask, i)) continue;
    if (label[i] != 0)
      ++(prediction[i] != 0 ? sum.tp : sum.fn);
    else
      ++(prediction[i] != 0 ? sum.fp : sum.tn);
  }
  return sum;
}

/// A point of the curve.
struct PrPoint {
  /// Scores of at least this are predictions.
  double threshold = 0.0;
  /// At that threshold.
  double precision = 0.0;
  /// At that threshold.
  double recall = 0.0;
  /// At that threshold.
  double f = 0.0;
};

class PrecisionRecall {
 public:
  /// The scores and labels of one image; where the mask is 0 they do not count.
  void add(std::span<const float> scores, std::span<const std::uint8_t> labels,
           std::span<const std::uint8_t> mask = {}) {
    detail::check_mask("PrecisionRecall", mask, scores.size());
    detail::check_map("PrecisionRecall", "label", labels, mask, scores.size());
    for (std::size_t i = 0; i < scores.size(); ++i) {
      if (detail::inside(mask, i) && !std::isfinite(scores[i]))
        throw Error("PrecisionRecall: expected finite scores, got " + std::to_string(scores[i]) +
                    " at element " + std::to_string(i));
    }
    const auto positives = static_cast<std::ptrdiff_t>(positives_.size());
    const auto negatives = static_cast<std::ptrdiff_t>(negatives_.size());
    for (std::size_t i = 0; i < scores.size(); ++i) {
      if (detail::inside(mask, i)) (labels[i] != 0 ? positives_ : negatives_).push_back(scores[i]);
    }
    sort_from(positives_, positives);
    sort_from(negatives_, negatives);
  }

  /// A point for every distinct score, from the highest threshold to the lowest.
  std::vector<PrPoint> curve() const {
    std::vector<PrPoint> points;
    visit([&](double threshold, const Confusion& sum) { points.push_back(point(threshold, sum)); });
    return points;
  }

  /// At most so many of curve()'s points (3 or more), about evenly spread in recall; always the first, the
  /// last and the best. Even steps in threshold would spend most points on the background.
  std::vector<PrPoint> curve(std::size_t at_most) const {
    if (at_most < 3)
      throw Error("PrecisionRecall: expected a curve of at least 3 points, got " + std::to_string(at_most));
    std::size_t distinct = 0;
    visit([&](double, const Confusion&) { ++distinct; });
    if (distinct <= at_most) return curve();
    const double best_threshold = best().threshold;
    const long steps = static_cast<long>(at_most) - 3;
    std::vector<PrPoint> points;
    std::size_t index = 0;
    long step = 0;
    visit([&](double threshold, const Confusion& sum) {
      const long reached = sum.tp * steps / (sum.tp + sum.fn);
      ++index;
      if (index == 1 || index == distinct || reached > step || threshold == best_threshold)
        points.push_back(point(threshold, sum));
      step = reached;
    });
    return points;
  }

  /// The point of largest F; of equal ones the highest threshold.
  PrPoint best() const {
    PrPoint best{.f = -1.0};
    visit([&](double threshold, const Confusion& sum) {
      if (sum.f() > best.f) best = point(threshold, sum);
    });
    return best;
  }

 private:
  static void sort_from(std::vector<float>& scores, std::ptrdiff_t first) {
    std::sort(scores.begin() + first, scores.end(), std::greater<>());
    std::inplace_merge(scores.begin(), scores.begin() + first, scores.end(), std::greater<>());
  }

  static PrPoint point(double threshold, const Confusion& sum) {
    return {threshold, sum.precision(), sum.recall(), sum.f()};
  }

  // Calls visitor(threshold, confusion) for every distinct score, from the highest down.
  template <class Visitor>
  void visit(Visitor visitor) const {
    if (positives_.empty())
      throw Error("PrecisionRecall: expected at least one positive label, got " +
                  (negatives_.empty() ? "no elements at all"
                                      : std::to_string(negatives_.size()) + " negative ones only"));
    Confusion sum;
    auto positive = positives_.begin();
    auto negative = negatives_.begin();
    while (positive != positives_.end() || negative != negatives_.end()) {
      const bool from_positives =
          negative == negatives_.end() || (positive != positives_.end() && *positive >= *negative);
      const float threshold = from_positives ? *positive : *negative;
      for (; positive != positives_.end() && *positive == threshold; ++positive) ++sum.tp;
      for (; negative != negatives_.end() && *negative == threshold; ++negative) ++sum.fp;
      sum.fn = positives_.end() - positive;
      sum.tn = negatives_.end() - negative;
      visitor(static_cast<double>(threshold), sum);
    }
  }

  // Each kind's scores, the highest first.
  std::vector<float> positives_;
  std::vector<float> negatives_;
};

}  // namespace cnf::metrics
