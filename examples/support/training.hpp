// The training loop that the programs share: schedule, clipping, checkpoints, progress, log, Ctrl-C.
//
// Learning rate: linear warm-up, flat to 40 % of the budget, cosine to 2 %; the budget is steps or time,
// whichever ends first. Gradients are clipped by their norm. Every `checkpoint_minutes`, at the end and on
// Ctrl-C the hook `save` is called with the optimiser's state. A loss or gradient that is not finite stops
// with an Error that names where it began; the last checkpoint stays.
#pragma once

#include <ATen/core/Tensor.h>
#include <torch/nn/module.h>

#include <CLI/CLI.hpp>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>

#include "cnf/io/checkpoint.hpp"
#include "cnf/model/model.hpp"

namespace support {

struct TrainingOptions {
  std::filesystem::path folder;  // log.jsonl and the checkpoint go there
  std::int64_t steps = 3000;     // in all, with those before a resume
  double time_limit = 0;         // seconds in all; 0 for none
  double learning_rate = 1e-3;
  std::int64_t warmup = 50;  // steps
  double clip = 1;           // largest norm of the gradient
  double checkpoint_minutes = 5;
  int batch = 32;           // images in a step
  long micro_batch = 0;     // computed at a time, with the gradient of the whole: libtorch::MicroBatch
  bool reversible = false;  // rebuild activations in the backward pass instead of storing them
  std::uint64_t seed = 1;   // of its noise: another for every step, the same when it is repeated
};

/// Inputs and targets of a step.
struct Pairs {
  at::Tensor x, y;
};

struct TrainingHooks {
  /// The images of a step, on the model's device; the same for the same step.
  std::function<Pairs(std::int64_t step)> batch;
  /// What to minimise: their mean bits per dimension, a scalar with gradient.
  std::function<at::Tensor(const Pairs& images, const cnf::NoiseOptions& noise)> loss;
  /// Where a value that is not finite began.
  std::function<std::string(const Pairs& images, std::uint64_t noise_seed)> diagnose;
  /// Bits per dimension of held-out images; empty for none.
  std::function<double()> validate;
  /// Writes a checkpoint.
  std::function<void(cnf::io::CheckpointExtras)> save;
};

/// Creates the folder of a training and returns the path of its checkpoint; refuses to overwrite an earlier
/// training, or to resume none.
std::filesystem::path prepare_folder(const std::filesystem::path& out, bool resume);

/// Options that every training has: --batch, --micro-batch, --reversible, --time-limit, --lr,
/// --checkpoint-minutes, and --resume.
void add_training(CLI::App& command, TrainingOptions& options, bool& resume);

/// Trains. `resumed` is what an earlier checkpoint held beside the model; empty for a new start. Throws
/// Interrupted after Ctrl-C.
void train(torch::nn::Module& module, const TrainingOptions& options, const TrainingHooks& hooks,
           const cnf::io::CheckpointExtras& resumed = {});

}  // namespace support
