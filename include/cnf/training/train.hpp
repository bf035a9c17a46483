// The training loop: schedule, clipping, average of weights, checkpoints and resume, progress, log, Ctrl-C.
//
//   libtorch::Model<Spec> model({.seed = 1});
//   const auto checkpoint = training::prepare_folder("run");
//   training::train(model, {.folder = "run", .steps = 3000, .batch = 32}, training::hooks(model, checkpoint,
//     [&](std::int64_t step) { return training::Pairs{...}; }));
//
// Learning rate: linear warm-up, flat to 40 % of the budget, cosine to 2 %; the budget is steps or time, whichever ends
// first. Every `checkpoint_minutes`, at the end and on Ctrl-C the hook `save` is called while the model is its average
// (adam.hpp), with the optimiser's state; train() leaves the weights themselves in the model, so load the checkpoint
// afterwards. A loss or gradient that is not finite stops with an Error that names the step and where it began; the last
// checkpoint stays. On CUDA the loop reads nothing from the device between its reports, each
// `report_every` steps.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <utility>

#include "cnf/io/checkpoint.hpp"
#include "cnf/io/file_lock.hpp"
#include "cnf/training/interrupt.hpp"
#include "cnf/training/prefetch.hpp"
#include "cnf/training/progress.hpp"
#include "cnf/training/schedule.hpp"
#include "cnf/training/step.hpp"

namespace cnf::training {

struct TrainingOptions {
  std::filesystem::path folder;  // log.jsonl goes there
  std::int64_t steps = 3000;     // in all, with those before a resume
  int batch = 32;                // samples in a step
  double time_limit = 0;         // seconds in all; 0 for none
  double learning_rate = 1e-3;
  std::int64_t warm_up = 50;  // steps
  double clip = 1;            // largest norm of the gradient; 0: any
  double average = 0.999;     // decay of the average of weights; 0: the weights themselves
  double checkpoint_minutes = 5;
  long micro_batch = 0;    // computed at a time, with the gradient of the whole: libtorch::MicroBatch
  std::uint64_t seed = 1;  // of its noise: another for every step, the same when it is repeated
  bool graph = true;       // on CUDA: a step is one captured graph
  libtorch::Backend::Precision networks{};  // of the model
  std::int64_t report_every = 20;
};

/// What a single step of it is like.
inline StepOptions step_options(const TrainingOptions& o) {
  return {.adam = {.clip = o.clip, .average = o.average, .warm_up = o.warm_up},
          .batch = o.batch,
          .micro_batch = o.micro_batch,
          .seed = o.seed,
          .graph = o.graph,
          .networks = o.networks};
}

struct TrainingHooks {
  /// The batch of a step; the same for the same step. On CUDA another thread calls it, too, but never two at once.
  std::function<Pairs(std::int64_t step)> batch;
  /// What to minimise: their mean bits per dimension, a scalar with gradient.
  Step::Loss loss;
  /// Where a value that is not finite began.
  std::function<std::string(const Pairs& samples, std::uint64_t noise_seed)> diagnose;
  /// Bits per dimension of held-out samples; empty for none.
  std::function<double()> validate;
  /// Writes a checkpoint.
  std::function<void(io::CheckpointExtras)> save;
};

/// Those of a model that is trained by its bits per dimension.
template <class Spec>
TrainingHooks hooks(libtorch::Model<Spec>& model, const std::filesystem::path& checkpoint,
                    std::function<Pairs(std::int64_t)> batch) {
  return {.batch = std::move(batch),
          .loss =
              [&model](const Pairs& p, const NoiseOptions& noise) {
                return given(model, p).bits_per_dim(p.y, noise).values.mean();
              },
          .diagnose =
              [&model](const Pairs& p, std::uint64_t seed) {
                const at::NoGradGuard no_grad;
                return given(model, p).first_nonfinite(p.y, {.seed = seed});
              },
          .validate = {},
          .save =
              [&model, checkpoint](io::CheckpointExtras extras) {
                io::save_checkpoint(checkpoint, model, std::move(extras));
              }};
}

/// The folder of a training: the path of its checkpoint. While it lives, no other process trains there.
struct Folder {
  std::filesystem::path checkpoint;
  io::FileLock lock;

  operator const std::filesystem::path&() const { return checkpoint; }
};

/// Creates the folder of a training; refuses to overwrite an earlier training, to resume none, and a folder in which another
/// process is training.
inline Folder prepare_folder(const std::filesystem::path& out, bool resume = false) {
  std::error_code error;
  std::filesystem::create_directories(out, error);
  if (error) throw Error("cannot create " + out.string() + ": " + error.message());
  Folder folder{.checkpoint = out / "model.safetensors",
                .lock = io::FileLock(out / ".cnf-training.lock", out.string())};
  const bool exists = std::filesystem::exists(folder.checkpoint);
  if (exists && !resume)
    throw Error(folder.checkpoint.string() + " exists: give --resume to go on with it, or another --out");
  if (!exists && resume) throw Error("nothing to resume: " + folder.checkpoint.string() + " does not exist");
  io::expect_writable(folder.checkpoint);
  return folder;
}

namespace detail {

/// One training, from its start or a resume to its end.
class Training {
 public:
  Training(torch::nn::Module& module, const TrainingOptions& options, const TrainingHooks& hooks,
           const io::CheckpointExtras& resumed)
      : module_(module),
        options_(options),
        hooks_(hooks),
        step_(module, step_options(options), hooks.loss),
        batches_(hooks.batch, step_.device()),
        taken_(std::int64_t(stored_number(resumed, "step"))),
        elapsed_before_(stored_number(resumed, "elapsed")),
        first_(taken_),
        reported_(taken_) {
    if (taken_ > 0) step_.resume(resumed, taken_);
    log_.emplace(options.folder / "log.jsonl");  // a resume that can't be leaves the folder as it is
  }

  void run() {
    const bool is_late = options_.time_limit > 0 && elapsed_before_ >= options_.time_limit;
    if (taken_ > 0 && (taken_ >= options_.steps || is_late)) {
      progress_.end(printed("nothing left to do: %ld steps of %ld are taken, in %s", long(taken_),
                            long(options_.steps), duration(elapsed_before_).c_str()));
      return;
    }
    const InterruptWatch watch;
    module_.train();
    // validation: every tenth of the budget, and no oftener than every 100 steps
    double next_validation = 0.1;
    std::int64_t validated = taken_;
    while (taken_ < options_.steps && !interrupted()) {
      const double elapsed = seconds();
      if (options_.time_limit > 0 && elapsed >= options_.time_limit) break;
      const double done = std::max(double(taken_) / double(options_.steps),
                                   options_.time_limit > 0 ? elapsed / options_.time_limit : 0);
      rate_ = options_.learning_rate * schedule(done, taken_, options_.warm_up);
      take_one();
      if (done >= next_validation && taken_ - validated >= 100 && taken_ < options_.steps) {
        validate();
        validated = taken_;
        next_validation = done + 0.1;
      }
      if (seconds_since(saved_) > 60 * options_.checkpoint_minutes) save();
    }
    if (taken_ == 0 && interrupted()) throw Interrupted{};
    if (taken_ == 0) throw Error("expected a time limit that allows at least one step");
    if (!interrupted()) validate();
    save();
    progress_.end(printed("%s at step %ld after %s: %.3f bpd in training%s",
                          interrupted() ? "interrupted" : "done", long(taken_), duration(seconds()).c_str(),
                          smooth_bpd_, held_out(", ").c_str()));
    if (interrupted()) throw Interrupted{};
  }

 private:
  double seconds() const { return elapsed_before_ + seconds_since(start_); }

  std::string held_out(const char* before) const {
    return std::isnan(validation_) ? "" : printed("%s%.3f on held-out images", before, validation_);
  }

  void take_one() {
    step_(batches_.get(taken_, taken_ + 1 < options_.steps), rate_);
    ++taken_;
    const bool reads_now = !step_.device().is_cuda() || !step_.pieces().settled();
    if (reads_now || taken_ % options_.report_every == 0 || taken_ == options_.steps) read();
    if (taken_ % options_.report_every == 0 || taken_ == options_.steps) tell();
    if (!told_why_not_ && !step_.replay().why_not().empty()) {
      told_why_not_ = true;
      progress_.end("steps run op by op, not as a CUDA graph: " + step_.replay().why_not());
    }
  }

  /// What the steps since the last time were like; throws where something was not finite.
  void read() {
    const auto report = step_.report();
    if (report.bad > 0) fail(reported_ + report.bad - 1, report.in_gradient);
    if (report.steps == 0) return;
    const double each = seconds_since(read_) / double(report.steps);
    read_ = Clock::now();
    bpd_ = report.loss;
    norm_ = report.gradient_norm;
    if (!step_.pieces().settled()) {
      step_.pieces().took(each);
      if (step_.pieces().settled())
        progress_.end(printed("computing %ld of %d images at a time", step_.pieces().rows(), options_.batch));
    }
    reported_ = taken_;
    const double before = std::pow(std::min(0.98, 1 - 1 / double(taken_ - first_)), double(report.steps));
    const double keep = smooth_seconds_ == 0 ? 0 : before;
    smooth_bpd_ = keep * smooth_bpd_ + (1 - keep) * bpd_;
    smooth_seconds_ = keep * smooth_seconds_ + (1 - keep) * each;
  }

  void tell() {
    const double elapsed = seconds();
    double left = double(options_.steps - taken_) * smooth_seconds_;
    if (options_.time_limit > 0) left = std::min(left, options_.time_limit - elapsed);
    progress_.show(printed("step %ld/%ld  %.3f bpd%s  %.0f images/s  %s left", long(taken_),
                           long(options_.steps), smooth_bpd_, held_out("  ").c_str(),
                           options_.batch / smooth_seconds_, duration(std::max(0.0, left)).c_str()));
    log_->write({{"step", taken_},
                 {"bpd", bpd_},
                 {"smooth_bpd", smooth_bpd_},
                 {"learning_rate", rate_},
                 {"gradient_norm", norm_},
                 {"images_per_second", options_.batch / smooth_seconds_},
                 {"elapsed", elapsed}});
  }

  [[noreturn]] void fail(std::int64_t step, bool in_gradient) {
    const auto batch = batches_.again(step);
    std::string where;
    auto inputs = batch.more;
    if (batch.x.defined()) inputs.push_back(batch.x);
    const auto is_finite = [](const at::Tensor& t) { return at::isfinite(t).all().item<bool>(); };
    if (!std::all_of(inputs.begin(), inputs.end(), is_finite)) {
      where = "the batch: x itself is not finite";
    } else if (in_gradient) {
      step_.repeat(batch, step);
      where = step_.adam().first_bad_gradient();
    } else {
      where = hooks_.diagnose(batch, step_.noise_seed(step));
    }
    throw Error("step " + std::to_string(step) + ": the " + (in_gradient ? "gradient" : "loss") +
                " is not finite; it began in " + where + (in_gradient ? doubts() : ""));
  }

  /// What else may be behind a gradient that is not finite.
  std::string doubts() const {
    if (step_.device().is_cpu()) return "";
    return " (or a Reversible part could not rebuild its input: train without it, in float without TF32, or "
           "in double)";
  }

  void validate() {
    if (!hooks_.validate || taken_ == 0) return;
    read();
    const Adam::Averaged average(step_.adam());
    module_.eval();
    const at::NoGradGuard no_grad;
    validation_ = hooks_.validate();
    module_.train();
    log_->write({{"step", taken_}, {"validation_bpd", validation_}});
    read_ = Clock::now();
  }

  void save() {
    read();  // what is not finite is not saved
    io::CheckpointExtras extras;
    extras.metadata["step"] = std::to_string(taken_);
    extras.metadata["elapsed"] = printed("%.3f", seconds());
    step_.adam().save(extras);
    const Adam::Averaged average(step_.adam());
    hooks_.save(std::move(extras));
    saved_ = read_ = Clock::now();
  }

  torch::nn::Module& module_;
  const TrainingOptions& options_;
  const TrainingHooks& hooks_;
  Step step_;
  Prefetch batches_;
  std::optional<Log> log_;
  Progress progress_;
  std::int64_t taken_;  // steps, in all
  double elapsed_before_;
  std::int64_t first_, reported_;  // steps before this run, and at the last look at the device
  Clock::time_point start_ = Clock::now(), saved_ = start_, read_ = start_;
  double rate_ = 0, bpd_ = 0, norm_ = 0;
  double smooth_bpd_ = 0, smooth_seconds_ = 0, validation_ = std::nan("");
  bool told_why_not_ = false;
};

}  // namespace detail

/// Trains. `resumed` is what an earlier checkpoint held beside the model; empty for a new start. Throws Interrupted after
/// Ctrl-C.
inline void train(torch::nn::Module& module, const TrainingOptions& options, const TrainingHooks& hooks,
                  const io::CheckpointExtras& resumed = {}) {
  detail::Training(module, options, hooks, resumed).run();
}

}  // namespace cnf::training
