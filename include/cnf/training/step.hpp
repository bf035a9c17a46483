// A training step as a value: loss and gradients, clipping, optimiser and average of weights.
//
//   Step step(model, {.batch = 32}, [&](const Pairs& images, const NoiseOptions& noise) {
//     return model.given(images.x).bits_per_dim(images.y, noise).values.mean();
//   });
//   step({x, y}, 1e-3);                      // waits for nothing
//   const auto report = step.report();       // waits: mean loss, norm, whether something was not finite
//
// On CUDA a step is one graph for each size of batch (of the first four), captured after a few plain steps (backend/libtorch/replay.hpp);
// noise is another for every step all the same, since its seed is counted up on the device. On the CPU, and where a
// capture fails, it runs op by op: the same numbers.
#pragma once

#include <algorithm>
#include <array>
#include <functional>
#include <map>
#include <optional>

#include "cnf/backend/libtorch/distributed/gradient_buckets.hpp"
#include "cnf/backend/libtorch/micro_batch.hpp"
#include "cnf/backend/libtorch/replay.hpp"
#include "cnf/libtorch.hpp"
#include "cnf/training/adam.hpp"
#include "cnf/training/out_of_memory.hpp"
#include "cnf/training/pairs.hpp"

namespace cnf::training {

/// What a single step is like.
struct StepOptions {
  /// Of the optimiser.
  AdamOptions adam{};
  long batch = 32;         // samples in a step
  long micro_batch = 0;    // computed at a time, with the gradient of the whole: libtorch::MicroBatch
  std::uint64_t seed = 1;  // of the noise: another for every step, the same when it is repeated
  bool graph = true;       // on CUDA: capture
  libtorch::Backend::Precision networks{};  // of the model: its parameters are then converted once a pass
};

class Step {
 public:
  /// The processes.
  using Replicas = distributed::Replicas;
  /// What to minimise: a mean over samples, a scalar with gradient.
  using Loss = std::function<at::Tensor(const Pairs&, const NoiseOptions&)>;

  /// Of one process.
  Step(torch::nn::Module& module, const StepOptions& options, Loss loss)
      : Step(module, options, std::move(loss), Replicas::alone()) {}
  /// One of several processes, each with its part of every batch (Pairs::of).
  Step(torch::nn::Module& module, const StepOptions& options, Loss loss, Replicas& replicas)
      : module_(module),
        options_(options),
        loss_(std::move(loss)),
        replicas_(replicas),
        adam_(module, options.adam),
        buckets_(replicas, adam_.parameters()),
        pieces_(replicas.share_of(options.batch).count, options.micro_batch),
        replay_(device(), options.graph),
        number_(at::zeros({1}, at::TensorOptions(at::kLong).device(device()))) {}

  /// Takes the next step, with as many samples as there are.
  void operator()(const Pairs& batch, double rate) {
    batch.for_each([&](const at::Tensor& t) {
      if (samples(t) != samples(batch.y) || samples(t) == 0)
        throw Error("expected a batch of as many inputs as targets, got " + std::to_string(samples(t)) +
                    " and " + std::to_string(samples(batch.y)));
    });
    adam_.expect_in_place();
    adam_.set_rate(rate);
    try {
      const auto [buffers, stays] = held(batch);
      auto key = sizes_of(buffers);
      key.push_back(pieces_.rows());
      replay_.run(key, stays && pieces_.settled() && !may_be_first_, [&, &buffers = buffers] {
        adam_.forget_gradients();
        auto loss = gradients(buffers);
        buckets_.finish();
        replicas_.sum(loss);
        adam_.step(loss);
        number_.add_(1);
      });
    } catch (const std::exception& error) {
      explain(error);
      throw;
    }
    may_be_first_ = false;
    if (replay_.replayed()) adam_.changed();
  }

  /// The gradients of an earlier step's batch, anew and op by op, for a diagnosis.
  void repeat(const Pairs& batch, std::int64_t step) {
    adam_.forget_gradients();
    at::NoGradGuard no_grad;
    number_.fill_(step);
    const at::AutoGradMode with_gradients(true);
    gradients(batch);
    buckets_.finish();
  }

  /// The seed of a step's noise.
  std::uint64_t noise_seed(std::int64_t step) const { return first_seed() + std::uint64_t(step); }

  /// Since the last report; waits for the device.
  Adam::Report report() { return adam_.report(); }
  /// The optimiser.
  Adam& adam() { return adam_; }
  /// How a batch is cut.
  libtorch::MicroBatch& pieces() { return pieces_; }
  /// How gradients are added up.
  const distributed::GradientBuckets& buckets() const { return buckets_; }
  /// What was captured.
  const libtorch::Replay& replay() const { return replay_; }
  /// Where the model is.
  at::Device device() const { return module_.parameters().at(0).device(); }

  /// Goes on after `step` steps. Of several processes the first alone needs the checkpoint.
  void resume(const io::CheckpointExtras& extras, std::int64_t step) {
    if (replicas_.is_first()) adam_.load(extras);
    adam_.copy_from_first(replicas_);
    number_.fill_(step);
  }

 private:
  std::uint64_t first_seed() const { return options_.seed * 1'000'003 + 1; }

  const long long* noise_shift() const {
    static_assert(sizeof(long long) == sizeof(std::int64_t));
    return reinterpret_cast<const long long*>(number_.data_ptr<std::int64_t>());
  }

  /// Adds to the parameters' gradients; the loss.
  at::Tensor gradients(const Pairs& batch) {
    const distributed::JointBatch joint(replicas_);
    return libtorch::backward_in_pieces(
        module_, samples(batch.y), std::min(pieces_.rows(), samples(batch.y)),
        [&](long first, long count) {
          std::optional<libtorch::CastOnce> converted;
          if (options_.networks) converted.emplace(adam_.parameters(), *options_.networks);
          const auto piece = batch.rows(first, count);
          return loss_(piece,
                       {.seed = first_seed(), .first_input = piece.first, .seed_shift = noise_shift()});
        },
        {.may_be_first = may_be_first_, .of = batch.of, .before_last = [&] { buckets_.begin(); }});
  }

  static long samples(const at::Tensor& t) { return t.dim() == 0 ? 0 : long(t.size(0)); }
  static std::vector<std::int64_t> sizes_of(const Pairs& batch) {
    std::vector<std::int64_t> all;
    batch.for_each([&](const at::Tensor& t) { all.insert(all.end(), t.sizes().begin(), t.sizes().end()); });
    return all;
  }

  struct Held {
    Pairs pairs;
    bool stays;  // a graph finds it there again
  };

  /// The batch on the device, where a graph finds it again: for the first few sizes of batch that come.
  Held held(const Pairs& batch) {
    if (!device().is_cuda()) return {batch, false};
    constexpr std::size_t most = 4;
    auto moved = batch;
    const auto key = sizes_of(batch);
    if (buffers_.size() >= most && !buffers_.contains(key)) {
      moved.for_each([&](at::Tensor& t) { t = t.to(t.options().device(device()), /*non_blocking=*/true); });
      return {moved, false};
    }
    auto& stays = buffers_[key];
    moved.for_each([&, next = std::size_t{0}](at::Tensor& t) mutable {
      if (next == stays.size()) stays.push_back(at::empty(t.sizes(), t.options().device(device())));
      stays[next].copy_(t, /*non_blocking=*/true);
      t = stays[next++];
    });
    return {moved, true};
  }

  void explain(const std::exception& error) const {
    if (is_out_of_memory(error))
      throw Error(
          "out of memory in a step of " + std::to_string(options_.batch) + " samples, " +
          std::to_string(pieces_.rows()) +
          " at a time: take a smaller batch, or a smaller micro-batch, which has the gradient of the whole");
  }

  torch::nn::Module& module_;
  StepOptions options_;
  Loss loss_;
  Replicas& replicas_;
  Adam adam_;
  distributed::GradientBuckets buckets_;
  libtorch::MicroBatch pieces_;
  libtorch::Replay replay_;
  at::Tensor number_;  // of the step, on the device
  std::map<std::vector<std::int64_t>, std::vector<at::Tensor>> buffers_;
  bool may_be_first_ = true;
};

}  // namespace cnf::training
