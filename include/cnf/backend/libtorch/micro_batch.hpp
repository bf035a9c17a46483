// A batch in pieces, with the gradient of the whole: less memory, and often faster, since the pieces fit the
// caches.
//
//   MicroBatch pieces(64);                                       tries 64, 32, 16, ... in the first steps
//   loss = backward_in_pieces(model, 64, pieces.rows(), [&](long first, long rows) { return ...mean(); });
//   pieces.took(seconds);
//
// Nothing in a flow sees other samples of its batch (InstanceNorm sees one), except ActNorm's first batch,
// which is shown whole before the first pieces.
#pragma once

#include <ATen/ATen.h>
#include <torch/nn/module.h>

#include <algorithm>
#include <functional>
#include <string>
#include <vector>

namespace cnf::libtorch {

/// Whether an ActNorm of the module has not seen its first batch yet.
inline bool waits_for_first_batch(const torch::nn::Module& module) {
  const std::string name = "initialised";
  for (const auto& b : module.named_buffers())
    if (b.key().size() >= name.size() &&
        b.key().compare(b.key().size() - name.size(), name.size(), name) == 0 &&
        b.value().item<double>() == 0)
      return true;
  return false;
}

/// Which pieces these are.
struct PieceOptions {
  bool may_be_first = true;  // an ActNorm may still wait for its first batch: to know it is to ask the device
  long of = 0;  // samples of the batch of which these are one process's part; 0: they are all of it
  std::function<void()> before_last = [] {};  // backward pass
};

/// Adds to the parameters' gradients that of a mean over `batch` samples; loss(first, rows) is the mean over
/// samples first .. first + rows - 1. The mean over all, a scalar where the loss is; for a part of a batch, its part of
/// that mean.
template <class Loss>
at::Tensor backward_in_pieces(const torch::nn::Module& module, long batch, long rows, const Loss& loss,
                              const PieceOptions& options = {}) {
  const long all = options.of > 0 ? options.of : batch;
  if (options.may_be_first && rows < all && module.is_training() && waits_for_first_batch(module)) {
    at::NoGradGuard no_grad;
    loss(0L, batch);
  }
  at::Tensor mean;
  for (long first = 0; first < batch; first += rows) {
    const long n = std::min(rows, batch - first);
    at::Tensor part = loss(first, n);
    if (n < all) part = part * (double(n) / double(all));
    if (first + n == batch) options.before_last();
    part.backward();
    mean = mean.defined() ? mean + part.detach() : part.detach();
  }
  return mean;
}

/// How many rows a piece has: a given number, the whole batch, or the smallest number that is within `slack` of
/// the fastest, found in the first steps.
class MicroBatch {
 public:
  static constexpr long whole = 0, fastest = -1;  // instead of a number

  /// For batches of this size.
  explicit MicroBatch(long batch, long rows_wanted = fastest) {
    if (rows_wanted != fastest)
      tried_.push_back({rows_wanted == whole ? batch : std::min(rows_wanted, batch)});
    else
      for (long rows = batch; rows >= 1; rows = rows % 2 == 0 ? rows / 2 : 0) tried_.push_back({rows});
    settled_ = tried_.size() == 1;
  }

  /// Samples of the pieces now.
  long rows() const { return tried_[at_].rows; }
  /// Whether rows() stays from now on.
  bool settled() const { return settled_; }

  /// Seconds of a step with rows() rows a piece.
  void took(double seconds) {
    if (settled_) return;
    auto& now = tried_[at_];
    if (now.steps++ > 0) now.seconds = std::min(now.seconds, seconds);  // the first one warms up
    if (now.steps < 4) return;
    const auto best = std::min_element(tried_.begin(), tried_.end(),
                                       [](const Trial& a, const Trial& b) { return a.seconds < b.seconds; });
    if (at_ + 1 < tried_.size() && now.seconds < hopeless * best->seconds) {
      ++at_;
      return;
    }
    while (tried_[at_].seconds > (1 + slack) * best->seconds) --at_;
    settled_ = true;
  }

 private:
  static constexpr double slack = 0.02, hopeless = 1.1;
  struct Trial {
    long rows;
    int steps = 0;
    double seconds = 1e300;
  };
  std::vector<Trial> tried_;
  std::size_t at_ = 0;
  bool settled_ = false;
};

}  // namespace cnf::libtorch
