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

#include "cnf/backend/libtorch/micro_batch.hpp"
#include "cnf/backend/libtorch/replay.hpp"
#include "cnf/libtorch.hpp"
#include "cnf/training/adam.hpp"
#include "cnf/training/out_of_memory.hpp"
#include "cnf/training/pairs.hpp"

namespace cnf::training {

struct StepOptions {
  AdamOptions adam{};
  long batch = 32;         // samples in a step
  long micro_batch = 0;    // computed at a time, with the gradient of the whole: libtorch::MicroBatch
  std::uint64_t seed = 1;  // of the noise: another for every step, the same when it is repeated
  bool graph = true;       // on CUDA: capture
  libtorch::Backend::Precision networks{};  // of the model: its parameters are then converted once a pass
};

class Step {
 public:
  /// What to minimise: a mean over samples, a scalar with gradient.
  using Loss = std::function<at::Tensor(const Pairs&, const NoiseOptions&)>;

  Step(torch::nn::Module& module, const StepOptions& options, Loss loss)
      : module_(module),
        options_(options),
        loss_(std::move(loss)),
        adam_(module, options.adam),
        pieces_(options.batch, options.micro_batch),
        replay_(device(), options.graph),
        number_(at::zeros({1}, at::TensorOptions(at::kLong).device(device()))) {}

  /// Takes the next step, with as many samples as there are.
  void operator()(const Pairs& batch, double rate) {
    if (batch.x.dim() == 0 || batch.y.dim() == 0 || batch.x.size(0) != batch.y.size(0) ||
        batch.x.size(0) == 0)
      throw Error("expected a batch of as many inputs as targets, got " + std::to_string(samples(batch.x)) +
                  " and " + std::to_string(samples(batch.y)));
    adam_.expect_in_place();
    adam_.set_rate(rate);
    try {
      const auto [buffers, stays] = held(batch);
      auto key = buffers.x.sizes().vec();
      key.push_back(pieces_.rows());
      key.insert(key.end(), buffers.y.sizes().begin(), buffers.y.sizes().end());
      replay_.run(key, stays && pieces_.settled() && !may_be_first_, [&, &buffers = buffers] {
        adam_.forget_gradients();
        adam_.step(gradients(buffers));
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
  }

  /// The seed of a step's noise.
  std::uint64_t noise_seed(std::int64_t step) const { return first_seed() + std::uint64_t(step); }

  Adam::Report report() { return adam_.report(); }
  Adam& adam() { return adam_; }
  libtorch::MicroBatch& pieces() { return pieces_; }
  const libtorch::Replay& replay() const { return replay_; }
  at::Device device() const { return module_.parameters().at(0).device(); }

  /// Goes on after `step` steps.
  void resume(const io::CheckpointExtras& extras, std::int64_t step) {
    adam_.load(extras);
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
    return libtorch::backward_in_pieces(
        module_, samples(batch.x), std::min(pieces_.rows(), samples(batch.x)),
        [&](long first, long count) {
          std::optional<libtorch::CastOnce> converted;
          if (options_.networks) converted.emplace(adam_.parameters(), *options_.networks);
          return loss_({batch.x.narrow(0, first, count), batch.y.narrow(0, first, count)},
                       {.seed = first_seed(), .first_input = first, .seed_shift = noise_shift()});
        },
        may_be_first_);
  }

  at::Tensor moved(const at::Tensor& t) const {
    return t.to(t.options().device(device()), /*non_blocking=*/true);
  }
  static long samples(const at::Tensor& t) { return t.dim() == 0 ? 1 : long(t.size(0)); }

  struct Held {
    Pairs pairs;
    bool stays;  // a graph finds it there again
  };

  /// The batch on the device, where a graph finds it again: for the first few sizes of batch that come.
  Held held(const Pairs& batch) {
    if (!device().is_cuda()) return {batch, false};
    constexpr std::size_t most = 4;
    const std::array key{batch.x.sizes().vec(), batch.y.sizes().vec()};
    if (buffers_.size() >= most && !buffers_.contains(key)) return {{moved(batch.x), moved(batch.y)}, false};
    auto& buffers = buffers_[key];
    const auto copied = [&](at::Tensor& to, const at::Tensor& from) {
      if (!to.defined()) to = at::empty(from.sizes(), from.options().device(device()));
      to.copy_(from, /*non_blocking=*/true);
    };
    copied(buffers.x, batch.x);
    copied(buffers.y, batch.y);
    return {buffers, true};
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
  Adam adam_;
  libtorch::MicroBatch pieces_;
  libtorch::Replay replay_;
  at::Tensor number_;  // of the step, on the device
  std::map<std::array<std::vector<std::int64_t>, 2>, Pairs> buffers_;
  bool may_be_first_ = true;
};

}  // namespace cnf::training
