#include "training.hpp"

#include <ATen/ATen.h>
#include <fmt/format.h>
#include <torch/nn/utils/clip_grad.h>
#include <torch/optim/adam.h>
#include <unistd.h>

#include <charconv>
#include <chrono>
#include <cmath>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <numbers>
#include <sstream>

#include "cnf/libtorch.hpp"
#include "computing.hpp"
#include "program.hpp"

namespace support {
namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

/// Factor on the learning rate at this fraction of the budget.
double schedule(double progress, std::int64_t step, std::int64_t warmup) {
  const double warm = std::min(1.0, double(step + 1) / double(std::max<std::int64_t>(1, warmup)));
  const double decay = std::clamp((progress - 0.4) / 0.6, 0.0, 1.0);
  return warm * (0.02 + 0.98 * 0.5 * (1 + std::cos(std::numbers::pi * decay)));
}

/// One JSON object a line, appended; a line that can't be written is an error.
class Log {
 public:
  explicit Log(const std::filesystem::path& path) : path_(path), stream_(path, std::ios::app) { check(); }

  void write(const nlohmann::ordered_json& line) {
    stream_ << line.dump() << std::endl;
    check();
  }

 private:
  void check() const {
    if (!stream_) throw cnf::Error("cannot write " + path_.string());
  }

  std::filesystem::path path_;
  std::ofstream stream_;
};

/// Progress on the terminal: one line that is written over, or a line every ten seconds where the output is a
/// file.
class Progress {
 public:
  void show(const std::string& text) {
    if (is_terminal_)
      fmt::print("\r\033[K{}", text);
    else if (seconds_since(shown_) > 10 || !any_)
      fmt::print("{}\n", text), shown_ = Clock::now();
    any_ = true;
    std::fflush(stdout);
  }
  void end(const std::string& text) {
    fmt::print("{}{}\n", is_terminal_ ? "\r\033[K" : "", text);
    std::fflush(stdout);
  }

 private:
  bool is_terminal_ = ::isatty(STDOUT_FILENO) != 0;
  bool any_ = false;
  Clock::time_point shown_ = Clock::now();
};

std::string duration(double seconds) {
  const auto s = long(seconds);
  return s >= 3600 ? fmt::format("{}:{:02}:{:02}", s / 3600, s / 60 % 60, s % 60)
                   : fmt::format("{}:{:02}", s / 60, s % 60);
}

using Backend = cnf::libtorch::Backend;

cnf::io::HostTensor stored(const at::Tensor& t) {
  return cnf::io::encode_tensor(Backend::to_host(t), {t.sizes().begin(), t.sizes().end()},
                                cnf::io::DType::f32);
}

/// How torch::optim names the state of a parameter: by its address, as text before LibTorch 2.1.
template <class Key>
Key state_key(const at::Tensor& parameter) {
  void* const address = parameter.unsafeGetTensorImpl();
  if constexpr (std::is_same_v<Key, std::string>)
    return (std::ostringstream() << address).str();
  else
    return address;
}

/// Adam's moments, named after their parameters: `adam:exp_avg:flow.0.bias`.
void save_optimiser(torch::optim::Adam& adam, const torch::nn::Module& module,
                    cnf::io::CheckpointExtras& extras) {
  auto& states = adam.state();
  using Key = typename std::remove_cvref_t<decltype(states)>::key_type;
  for (const auto& p : module.named_parameters()) {
    const auto found = states.find(state_key<Key>(p.value()));
    if (found == states.end()) continue;
    const auto& state = static_cast<const torch::optim::AdamParamState&>(*found->second);
    extras.tensors["adam:exp_avg:" + p.key()] = stored(state.exp_avg());
    extras.tensors["adam:exp_avg_sq:" + p.key()] = stored(state.exp_avg_sq());
    extras.metadata["adam_step"] = std::to_string(state.step());
  }
}

/// A number in a checkpoint's metadata; 0 where there is none.
double number(const cnf::io::CheckpointExtras& extras, const char* key) {
  const auto found = extras.metadata.find(key);
  if (found == extras.metadata.end()) return 0;
  const char* end = found->second.data() + found->second.size();
  double value = 0;
  const auto [rest, error] = std::from_chars(found->second.data(), end, value);
  if (error != std::errc() || rest != end || !std::isfinite(value) || value < 0)
    throw cnf::Error("expected a checkpoint whose " + std::string(key) + " is a number, got " +
                     found->second);
  return value;
}

void load_optimiser(torch::optim::Adam& adam, const torch::nn::Module& module,
                    const cnf::io::CheckpointExtras& extras) {
  auto& states = adam.state();
  using Key = typename std::remove_cvref_t<decltype(states)>::key_type;
  const auto step = std::int64_t(number(extras, "adam_step"));
  if (step < 1) throw cnf::Error("expected a checkpoint with the optimiser's adam_step, got none");
  for (const auto& p : module.named_parameters()) {
    const auto moment = [&](const char* name) {
      const auto found = extras.tensors.find(std::string("adam:") + name + ":" + p.key());
      if (found == extras.tensors.end())
        throw cnf::Error("expected a checkpoint with the optimiser's state of " + p.key() + ", got none");
      auto tensor = at::empty_like(p.value());
      const auto values = cnf::io::decode_tensor(found->second, found->first);
      if (std::int64_t(values.size()) != tensor.numel())
        throw cnf::Error("expected " + std::to_string(tensor.numel()) + " numbers in tensor \"" +
                         found->first + "\", got " + std::to_string(values.size()));
      Backend::assign(tensor, values);
      return tensor;
    };
    auto state = std::make_unique<torch::optim::AdamParamState>();
    state->step(step);
    state->exp_avg(moment("exp_avg"));
    state->exp_avg_sq(moment("exp_avg_sq"));
    states[state_key<Key>(p.value())] = std::move(state);
  }
}

std::string first_bad_gradient(const torch::nn::Module& module) {
  for (const auto& p : module.named_parameters())
    if (p.value().grad().defined() && !Backend::all_finite(p.value().grad())) return p.key();
  return "an unknown place";
}

}  // namespace

std::filesystem::path prepare_folder(const std::filesystem::path& out, bool resume) {
  std::error_code error;
  std::filesystem::create_directories(out, error);
  if (error) throw cnf::Error("cannot create " + out.string() + ": " + error.message());
  auto checkpoint = out / "model.safetensors";
  const bool exists = std::filesystem::exists(checkpoint);
  if (exists && !resume)
    throw cnf::Error(checkpoint.string() + " exists: give --resume to go on with it, or another --out");
  if (!exists && resume) throw cnf::Error("nothing to resume: " + checkpoint.string() + " does not exist");
  return checkpoint;
}

void add_training(CLI::App& command, TrainingOptions& options, bool& resume) {
  command.add_option("--batch", options.batch, "images in a step")->check(positive())->capture_default_str();
  add_micro_batch(command, options.micro_batch);
  command.add_flag(
      "--reversible", options.reversible,
      "rebuild activations in the backward pass instead of storing them: memory that does not grow "
      "with depth, for about a third more time");
  command.add_option("--time-limit", options.time_limit, "seconds in all; 0 for none")
      ->check(not_negative())
      ->capture_default_str();
  command.add_option("--lr", options.learning_rate, "learning rate of Adam")
      ->check(positive())
      ->capture_default_str();
  command.add_option("--checkpoint-minutes", options.checkpoint_minutes, "time between checkpoints")
      ->check(positive())
      ->capture_default_str();
  command.add_flag("--resume", resume, "go on from the checkpoint in --out");
}

void train(torch::nn::Module& module, const TrainingOptions& options, const TrainingHooks& hooks,
           const cnf::io::CheckpointExtras& resumed) {
  torch::optim::Adam adam(module.parameters(),
                          torch::optim::AdamOptions(options.learning_rate).betas({0.9, 0.99}));
  auto step = std::int64_t(number(resumed, "step"));
  const double elapsed_before = number(resumed, "elapsed");
  if (step > 0) load_optimiser(adam, module, resumed);

  Log log(options.folder / "log.jsonl");
  Progress progress;
  const auto start = Clock::now();
  auto last_checkpoint = start;
  cnf::libtorch::MicroBatch pieces(options.batch, options.micro_batch);
  double smooth_bpd = 0, smooth_seconds = 0, validation = std::nan("");

  const auto save = [&] {
    cnf::io::CheckpointExtras extras;
    extras.metadata["step"] = std::to_string(step);
    extras.metadata["elapsed"] = fmt::format("{:.3f}", elapsed_before + seconds_since(start));
    save_optimiser(adam, module, extras);
    hooks.save(std::move(extras));
    last_checkpoint = Clock::now();
  };
  const auto validate = [&] {
    if (!hooks.validate || step == 0) return;
    module.eval();
    const at::NoGradGuard no_grad;
    validation = hooks.validate();
    module.train();
    log.write({{"step", step}, {"validation_bpd", validation}});
  };

  watch_interrupts();
  module.train();
  const auto first_step = step;
  const std::int64_t report_every = 20;
  // validation: every tenth of the budget, and no oftener than every 100 steps
  double next_validation = 0.1;
  std::int64_t validated = step;
  while (step < options.steps && !interrupted()) {
    const double elapsed = elapsed_before + seconds_since(start);
    if (options.time_limit > 0 && elapsed >= options.time_limit) break;
    const double done = std::max(double(step) / double(options.steps),
                                 options.time_limit > 0 ? elapsed / options.time_limit : 0);
    const double rate = options.learning_rate * schedule(done, step, options.warmup);
    for (auto& group : adam.param_groups()) group.options().set_lr(rate);

    const auto before = Clock::now();
    adam.zero_grad();
    const auto images = hooks.batch(step);
    const auto noise_seed = options.seed * 1'000'003 + std::uint64_t(step) + 1;
    const auto not_finite = [&] {
      return cnf::Error(fmt::format("step {}: the loss is not finite; it began in {}", step,
                                    hooks.diagnose(images, noise_seed)));
    };
    const double bpd =
        cnf::libtorch::backward_in_pieces(module, options.batch, pieces.rows(), [&](long first, long count) {
          auto loss = hooks.loss({images.x.narrow(0, first, count), images.y.narrow(0, first, count)},
                                 {.seed = noise_seed, .first_input = first});
          if (!std::isfinite(loss.item<double>())) throw not_finite();
          return loss;
        });
    const double norm = torch::nn::utils::clip_grad_norm_(module.parameters(), options.clip);
    if (!std::isfinite(norm))
      throw cnf::Error(fmt::format("step {}: the gradient is not finite; it began in {}", step,
                                   first_bad_gradient(module)));
    adam.step();
    ++step;

    const double seconds = seconds_since(before);
    if (!pieces.settled()) {
      pieces.took(seconds);
      if (pieces.settled())
        progress.end(fmt::format("computing {} of {} images at a time", pieces.rows(), options.batch));
    }
    const double keep = std::min(0.98, 1 - 1 / double(step - first_step));
    smooth_bpd = keep * smooth_bpd + (1 - keep) * bpd;
    smooth_seconds = keep * smooth_seconds + (1 - keep) * seconds;
    if (step % report_every == 0 || step == options.steps) {
      const double per_step = smooth_seconds;
      double left = double(options.steps - step) * per_step;
      if (options.time_limit > 0) left = std::min(left, options.time_limit - elapsed - seconds);
      progress.show(
          fmt::format("step {}/{}  {:.3f} bpd{}  {:.0f} images/s  {} left", step, options.steps, smooth_bpd,
                      std::isnan(validation) ? "" : fmt::format("  {:.3f} on held-out images", validation),
                      options.batch / per_step, duration(std::max(0.0, left))));
      log.write({{"step", step},
                 {"bpd", bpd},
                 {"smooth_bpd", smooth_bpd},
                 {"learning_rate", rate},
                 {"gradient_norm", norm},
                 {"images_per_second", options.batch / per_step},
                 {"elapsed", elapsed + seconds}});
    }
    if (done >= next_validation && step - validated >= 100 && step < options.steps) {
      validate();
      validated = step;
      next_validation = done + 0.1;
    }
    if (seconds_since(last_checkpoint) > 60 * options.checkpoint_minutes) save();
  }
  if (step == 0) throw cnf::Error("expected a time limit that allows at least one step");
  if (!interrupted()) validate();
  save();
  progress.end(
      fmt::format("{} at step {} after {}: {:.3f} bpd in training{}", interrupted() ? "interrupted" : "done",
                  step, duration(elapsed_before + seconds_since(start)), smooth_bpd,
                  std::isnan(validation) ? "" : fmt::format(", {:.3f} on held-out images", validation)));
  if (interrupted()) throw Interrupted{};
}

}  // namespace support
