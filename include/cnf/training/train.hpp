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
//
// Several processes (backend/libtorch/distributed/) run the same loop, each with its part of every batch, and come to the
// numbers of one process: the first one's clock is everybody's, and it alone prints, logs and saves. Each validates.
#pragma once

#include <ATen/ATen.h>
#include <torch/version.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <utility>

#include "cnf/backend/libtorch/distributed/replicas.hpp"
#include "cnf/io/checkpoint.hpp"
#include "cnf/io/file_lock.hpp"
#include "cnf/training/interrupt.hpp"
#include "cnf/training/prefetch.hpp"
#include "cnf/training/progress.hpp"
#include "cnf/training/schedule.hpp"
#include "cnf/training/step.hpp"
#include "cnf/version.hpp"

namespace cnf::training {

/// How long, how fast and in which steps.
struct TrainingOptions {
  std::filesystem::path folder;  // log.jsonl goes there
  std::int64_t steps = 3000;     // in all, with those before a resume
  int batch = 32;                // samples in a step
  double time_limit = 0;         // seconds in all; 0 for none
  /// Of Adam, at its highest.
  double learning_rate = 1e-3;
  std::int64_t warm_up = 50;  // steps
  double clip = 1;            // largest norm of the gradient; 0: any
  double average = 0.999;     // decay of the average of weights; 0: the weights themselves
  /// Between checkpoints.
  double checkpoint_minutes = 5;
  long micro_batch = 0;    // computed at a time, with the gradient of the whole: libtorch::MicroBatch
  std::uint64_t seed = 1;  // of its noise: another for every step, the same when it is repeated
  bool graph = true;       // on CUDA: a step is one captured graph
  libtorch::Backend::Precision networks{};  // of the model
  /// Steps between reports.
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

/// What is learnt from what.
struct TrainingHooks {
  /// The samples of every step.
  Batches batch;
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
TrainingHooks hooks(libtorch::Model<Spec>& model, const std::filesystem::path& checkpoint, Batches batch) {
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
  /// model.safetensors in it.
  std::filesystem::path checkpoint;
  std::optional<io::FileLock> lock;  // of the first process

  /// The checkpoint's path.
  operator const std::filesystem::path&() const { return checkpoint; }
};

/// Creates the folder of a training; refuses to overwrite an earlier training, to resume none, and a folder in which another
/// process is training. Of several processes that train together the first alone touches it.
inline Folder prepare_folder(const std::filesystem::path& out, bool resume = false, bool is_first = true) {
  Folder folder{.checkpoint = out / "model.safetensors", .lock = {}};
  if (!is_first) return folder;
  std::error_code error;
  std::filesystem::create_directories(out, error);
  if (error) throw Error("cannot create " + out.string() + ": " + error.message());
  folder.lock.emplace(out / ".cnf-training.lock", out.string());
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
           const io::CheckpointExtras& resumed, distributed::Replicas& replicas)
      : module_(module),
        options_(options),
        hooks_(hooks),
        replicas_(replicas),
        before_(joined(module, options, resumed, replicas)),
        step_(module, step_options(options), hooks.loss, replicas),
        batches_([this](std::int64_t step) { return hooks_.batch(step, replicas_, options_.batch); },
                 step_.device()),
        progress_(replicas.is_first()),
        taken_(std::int64_t(before_[0])),
        elapsed_before_(before_[1]),
        first_(taken_),
        reported_(taken_) {
    if (taken_ > 0) step_.resume(resumed, taken_);
    // a resume that can't be leaves the folder as it is
    if (replicas.is_first()) log_.emplace(options.folder / "log.jsonl");
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
    for (;;) {
      look_up();
      const bool is_over = options_.time_limit > 0 && now_.elapsed >= options_.time_limit;
      if (taken_ >= options_.steps || now_.interrupted || is_over) break;
      if (now_.saves) save();
      const double done = std::max(double(taken_) / double(options_.steps),
                                   options_.time_limit > 0 ? now_.elapsed / options_.time_limit : 0);
      rate_ = options_.learning_rate * schedule(done, taken_, options_.warm_up);
      take_one();
      if (done >= next_validation && taken_ - validated >= 100 && taken_ < options_.steps) {
        validate();
        validated = taken_;
        next_validation = done + 0.1;
      }
    }
    if (taken_ == 0 && now_.interrupted) throw Interrupted{};
    if (taken_ == 0) throw Error("expected a time limit that allows at least one step");
    if (!now_.interrupted) validate();
    save();
    progress_.end(printed("%s at step %ld after %s: %.3f bpd in training%s",
                          now_.interrupted ? "interrupted" : "done", long(taken_),
                          duration(seconds()).c_str(), smooth_bpd_, held_out(", ").c_str()));
    if (now_.interrupted) throw Interrupted{};
  }

 private:
  /// Checks that all processes train the same, and gives them the first one's parameters; steps and seconds before.
  static std::array<double, 2> joined(torch::nn::Module& module, const TrainingOptions& o,
                                      const io::CheckpointExtras& resumed, distributed::Replicas& replicas) {
    const std::array<double, 2> before{stored_number(resumed, "step"), stored_number(resumed, "elapsed")};
    if (replicas.size() == 1) return before;
    std::string names;
    std::int64_t count = 0;
    auto all = module.named_parameters();
    for (const auto& b : module.named_buffers()) all.insert(b.key(), b.value());
    for (const auto& p : all) {
      names += p.key() + c10::str(p.value().sizes(), p.value().scalar_type()) + ";";
      count += p.value().numel();
    }
    replicas.expect_same(
        {{"version of cnf", CNF_VERSION},
         {"version of LibTorch", TORCH_VERSION},
         {"model", printed("%ld numbers of architecture %zx", long(count), std::hash<std::string>{}(names))},
         {"steps", std::to_string(o.steps)},
         {"batch", std::to_string(o.batch)},
         {"time limit", printed("%g", o.time_limit)},
         {"learning rate", printed("%g", o.learning_rate)},
         {"warm-up", std::to_string(o.warm_up)},
         {"clipping", printed("%g", o.clip)},
         {"average of weights", printed("%g", o.average)},
         {"seed", std::to_string(o.seed)},
         {"precision of networks", o.networks ? c10::toString(*o.networks) : "that of the model"},
         {"report_every", std::to_string(o.report_every)}});
    const at::NoGradGuard no_grad;
    for (const auto& p : all) replicas.copy_from_first(p.value());
    const auto numbers = at::tensor(at::ArrayRef<double>(before), at::kDouble);
    replicas.copy_from_first(numbers);
    return {numbers[0].item<double>(), numbers[1].item<double>()};
  }

  double seconds() const { return elapsed_before_ + seconds_since(start_); }

  /// What decides how to go on, the same in all processes: of several on CUDA as it was at the latest report.
  void look_up() {
    const bool is_due = seconds_since(saved_) > 60 * options_.checkpoint_minutes;
    if (replicas_.size() > 1) {
      const bool looks = step_.device().is_cpu() || taken_ % options_.report_every == 0 || taken_ == first_ ||
                         taken_ >= options_.steps;
      now_.saves = false;
      if (!looks) return;
      const bool counts = replicas_.is_first();
      const auto all = at::tensor({counts ? seconds() : 0.0, double(interrupted()), double(counts && is_due)},
                                  at::kDouble);
      replicas_.sum(all);
      now_ = {all[0].item<double>(), all[1].item<double>() > 0, all[2].item<double>() > 0};
    } else {
      now_ = {seconds(), interrupted(), is_due};
    }
  }

  std::string held_out(const char* before) const {
    return std::isnan(validation_) ? "" : printed("%s%.3f on held-out images", before, validation_);
  }

  void take_one() {
    step_(batches_.get(taken_, taken_ + 1 < options_.steps), rate_);
    ++taken_;
    const bool may_wait = replicas_.size() == 1 && !step_.pieces().settled();
    const bool reads_now = !step_.device().is_cuda() || may_wait;
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
    if (!log_) return;
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
    if (in_gradient) step_.repeat(batch, step);  // which all processes do together
    std::string where;
    auto inputs = batch.more;
    if (batch.x.defined()) inputs.push_back(batch.x);
    const auto is_finite = [](const at::Tensor& t) { return at::isfinite(t).all().item<bool>(); };
    if (!std::all_of(inputs.begin(), inputs.end(), is_finite)) {
      where = "the batch: x itself is not finite";
    } else if (in_gradient) {
      where = step_.adam().first_bad_gradient();
    } else {
      where = hooks_.diagnose(batch, step_.noise_seed(step));
    }
    for (const auto& text : replicas_.gather(where))  // each has looked at its own part
      if (where.empty()) where = text;
    if (where.empty()) where = "an unknown place";
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
    replicas_.gather("validated");  // waits for a slow one
    if (log_) log_->write({{"step", taken_}, {"validation_bpd", validation_}});
    read_ = Clock::now();
  }

  void save() {
    read();  // what is not finite is not saved
    if (replicas_.is_first()) {
      io::CheckpointExtras extras;
      extras.metadata["step"] = std::to_string(taken_);
      extras.metadata["elapsed"] = printed("%.3f", seconds());
      step_.adam().save(extras);
      const Adam::Averaged average(step_.adam());
      hooks_.save(std::move(extras));
    }
    replicas_.gather("saved");  // waits for a slow disk
    saved_ = read_ = Clock::now();
  }

  torch::nn::Module& module_;
  const TrainingOptions& options_;
  const TrainingHooks& hooks_;
  distributed::Replicas& replicas_;
  std::array<double, 2> before_;  // steps and seconds, of earlier runs
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
  struct {
    double elapsed = 0;
    bool interrupted = false, saves = false;
  } now_;
};

}  // namespace detail

/// Trains, as one of several processes where there are some. `resumed` is what an earlier checkpoint held beside the model,
/// of which the first process alone has need; empty for a new start. Throws Interrupted after Ctrl-C.
inline void train(torch::nn::Module& module, const TrainingOptions& options, const TrainingHooks& hooks,
                  const io::CheckpointExtras& resumed = {},
                  distributed::Replicas& replicas = distributed::Replicas::alone()) {
  detail::Training(module, options, hooks, resumed, replicas).run();
}

}  // namespace cnf::training
