// Adam (Kingma and Ba, 2015) with clipping of the gradient's norm and an average of the weights, for all parameters of a
// module at once:
//
//   g' = g min(1, clip / |g|)
//   m <- m + (1 - b1) (g' - m),   v <- v + (1 - b2) (g'^2 - v)
//   p <- p - rate m / (1 - b1^t) / (sqrt(v / (1 - b2^t)) + eps)
//   a <- a + (1 - d) (p - a),   d = min(average, (1 + s) / (10 + s)), s = t - warm_up; a = p until then
//
//   Adam adam(model, {.clip = 1});
//   adam.forget_gradients();  auto loss = ...;  loss.backward();
//   adam.set_rate(1e-3);      adam.step(loss);
//
// The parameters become stretches of one tensor (don't move the module afterwards), so a step is a handful of operations
// whatever their number, and nothing of it waits for the device: counts, rate and what was found lie there, so a captured
// graph does all of it. A loss or gradient that is not finite changes nothing, from that step on; report() tells.
// On the CPU and CUDA.
#pragma once

#include <ATen/ATen.h>
#include <torch/nn/module.h>

#include <array>
#include <charconv>
#include <cmath>
#include <string>
#include <vector>

#include "cnf/backend/libtorch/backend.hpp"
#include "cnf/backend/libtorch/distributed/replicas.hpp"
#include "cnf/io/checkpoint.hpp"

namespace cnf::training {

/// Adam's numbers, clipping and averaging.
struct AdamOptions {
  /// Named as in Adam's paper; beta2 is smaller than its 0.999.
  double beta1 = 0.9, beta2 = 0.99, epsilon = 1e-8;
  double clip = 1;            // largest norm of the gradient; 0: any
  double average = 0.999;     // decay of the average of weights; 0: the weights themselves
  std::int64_t warm_up = 50;  // steps before the average begins
};

/// A number in a checkpoint's metadata, not negative; 0 where there is none.
inline double stored_number(const io::CheckpointExtras& extras, const char* key) {
  const auto found = extras.metadata.find(key);
  if (found == extras.metadata.end()) return 0;
  const char* end = found->second.data() + found->second.size();
  double value = 0;
  const auto [rest, error] = std::from_chars(found->second.data(), end, value);
  if (error != std::errc() || rest != end || !std::isfinite(value) || value < 0)
    throw Error("expected a checkpoint whose " + std::string(key) + " is a number, got " + found->second);
  return value;
}

class Adam {
 public:
  /// Of all parameters that want a gradient.
  explicit Adam(torch::nn::Module& module, const AdamOptions& options = {}) : options_(options) {
    for (const auto& p : module.named_parameters())
      if (p.value().requires_grad()) {
        names_.push_back(p.key());
        parameters_.push_back(p.value());
      }
    if (parameters_.empty()) throw Error("Adam: expected a module with parameters to train, got none");
    for (const auto& p : parameters_)
      if (p.device() != parameters_[0].device() || p.scalar_type() != parameters_[0].scalar_type())
        throw Error("Adam: expected parameters of one type on one device, got several");
    const bool is_float =
        parameters_[0].scalar_type() == at::kFloat || parameters_[0].scalar_type() == at::kDouble;
    if (parameters_[0].is_cuda() && is_float && !libtorch::has_kernels(parameters_[0]))
      throw Error(
          "Adam: expected NVRTC, which compiles its kernels for CUDA, and a build with CNF_CUDA (CMake's "
          "cnf::libtorch)");
    if (!libtorch::has_kernels(parameters_[0]))
      throw Error("Adam: expected float or double parameters on the CPU or on CUDA, got " +
                  std::string(c10::toString(parameters_[0].scalar_type())) + " on " +
                  parameters_[0].device().str());
    const at::NoGradGuard no_grad;
    values_ = libtorch::detail::joined_flat(parameters_, parameters_);
    const auto places = libtorch::detail::split_flat(values_, parameters_);
    for (std::size_t i = 0; i < places.size(); ++i) parameters_[i].set_data(places[i]);
    average_ = values_.clone();
    first_ = at::zeros_like(values_);
    second_ = at::zeros_like(values_);
    state_ = at::zeros({12}, values_.options().dtype(at::kDouble));
  }
  Adam(const Adam&) = delete;
  Adam& operator=(const Adam&) = delete;

  /// Gradients are none again, not zeros.
  void forget_gradients() {
    for (const auto& p : parameters_) p.mutable_grad() = at::Tensor();
  }

  /// Of the steps from now on.
  void set_rate(double rate) {
    const at::NoGradGuard no_grad;
    state_.narrow(0, rate_at, 1).fill_(rate);
  }

  /// One step with the parameters' gradients, which are of this loss (a scalar).
  void step(const at::Tensor& loss) {
    const at::NoGradGuard no_grad;
    expect_in_place();
    std::vector<at::Tensor> gradients;
    for (const auto& p : parameters_) gradients.push_back(p.grad());
    const auto flat = libtorch::detail::joined_flat(gradients, parameters_);
    const auto norm = flat.norm(), cost = loss.detach().to(values_.options());
    libtorch::launch<libtorch::kernels::adam_begin>(
        {.like = values_, .threads = 1}, state_.data_ptr(), cost.data_ptr(), norm.data_ptr(), options_.clip,
        options_.beta1, options_.beta2, options_.average, double(options_.warm_up));
    libtorch::launch<libtorch::kernels::adam>(
        {.like = values_, .blocks = libtorch::blocks_for(values_.numel(), 4096)}, values_.data_ptr(),
        flat.data_ptr(), first_.data_ptr(), second_.data_ptr(), average_.data_ptr(), state_.data_ptr(),
        options_.beta1, options_.beta2, options_.epsilon, values_.numel());
    changed();
  }

  /// Error where the module was moved or converted, so that its parameters are no longer those that are trained.
  void expect_in_place() const {
    const auto* first = static_cast<const char*>(values_.data_ptr());
    std::int64_t at = 0;
    for (const auto& p : parameters_) {
      if (p.data_ptr() != first + at * values_.element_size())
        throw Error(
            "Adam: expected the parameters where it put them, but the module was moved or converted since");
      at += libtorch::detail::aligned(p.numel());
    }
  }

  /// After numbers were changed by a graph's replay.
  void changed() {
    for (const auto& p : parameters_) p.unsafeGetTensorImpl()->bump_version();
  }

  /// What happened since the last report.
  struct Report {
    double loss = 0;           // mean of the good steps since the last report
    std::int64_t steps = 0;    // how many these were
    double gradient_norm = 0;  // of the latest good step, before clipping
    std::int64_t bad = 0;      // which step since the last report was the first that was not finite; 0: none
    bool in_gradient = false;  // then: its loss was finite, its gradient was not
  };

  /// What the steps since the last report were like. Waits for the device.
  Report report() {
    const at::NoGradGuard no_grad;
    const auto numbers = libtorch::Backend::to_host(state_);
    Report result{.loss = numbers[10] > 0 ? numbers[9] / numbers[10] : 0,
                  .steps = std::int64_t(numbers[10]),
                  .gradient_norm = numbers[11],
                  .bad = std::int64_t(numbers[3]),
                  .in_gradient = numbers[4] == 1};
    state_.narrow(0, 1, 1).zero_();
    state_.narrow(0, 9, 2).zero_();
    return result;
  }

  /// While it lives, the parameters are the averaged ones.
  class Averaged {
   public:
    /// Exchanges weights and average.
    explicit Averaged(Adam& adam) : adam_(adam) { adam_.exchange(); }
    Averaged(const Averaged&) = delete;
    Averaged& operator=(const Averaged&) = delete;
    ~Averaged() { adam_.exchange(); }

   private:
    Adam& adam_;
  };

  /// Moments and the weights themselves (the model in the checkpoint is the average), named after their parameters:
  /// `adam:exp_avg:flow.0.bias`.
  void save(io::CheckpointExtras& extras) const {
    using libtorch::detail::split_flat;
    const std::array<std::vector<at::Tensor>, 3> all{
        split_flat(first_, parameters_), split_flat(second_, parameters_), split_flat(values_, parameters_)};
    for (std::size_t i = 0; i < names_.size(); ++i)
      for (std::size_t k = 0; k < all.size(); ++k)
        extras.tensors[std::string("adam:") + kinds[k] + ":" + names_[i]] = stored(all[k][i]);
    extras.metadata["adam_step"] = std::to_string(std::int64_t(libtorch::Backend::to_host(state_)[taken_at]));
  }

  /// For a module that holds the checkpoint's model. An older checkpoint has no weights beside it: they are the model's.
  void load(const io::CheckpointExtras& extras) {
    const at::NoGradGuard no_grad;
    const double taken = stored_number(extras, "adam_step");
    if (taken < 1) throw Error("expected a checkpoint with the optimiser's adam_step, got none");
    using libtorch::detail::split_flat;
    average_.copy_(values_);
    const std::array<std::vector<at::Tensor>, 3> all{
        split_flat(first_, parameters_), split_flat(second_, parameters_), split_flat(values_, parameters_)};
    const bool has_weights = extras.tensors.contains("adam:parameter:" + names_[0]);
    for (std::size_t i = 0; i < names_.size(); ++i)
      for (std::size_t k = 0; k < (has_weights ? 3U : 2U); ++k) {
        const auto found = extras.tensors.find(std::string("adam:") + kinds[k] + ":" + names_[i]);
        if (found == extras.tensors.end())
          throw Error("expected a checkpoint with the optimiser's state of " + names_[i] + ", got none");
        const auto values = io::decode_tensor(found->second, found->first);
        if (std::int64_t(values.size()) != all[k][i].numel())
          throw Error("expected " + std::to_string(all[k][i].numel()) + " numbers in tensor \"" +
                      found->first + "\", got " + std::to_string(values.size()));
        libtorch::Backend::assign(all[k][i], values);
      }
    state_.narrow(0, taken_at, 1).fill_(taken);
    changed();
  }

  /// Weights, their average, moments and counts of the first process, in all.
  void copy_from_first(distributed::Replicas& replicas) {
    const at::NoGradGuard no_grad;
    for (const auto& t : {values_, average_, first_, second_, state_}) replicas.copy_from_first(t);
    changed();
  }

  /// Those that it trains.
  const std::vector<at::Tensor>& parameters() const { return parameters_; }
  /// The first parameter whose gradient is not finite; waits.
  std::string first_bad_gradient() const {
    for (std::size_t i = 0; i < names_.size(); ++i)
      if (parameters_[i].grad().defined() && !libtorch::Backend::all_finite(parameters_[i].grad()))
        return names_[i];
    return "an unknown place";
  }

 private:
  static constexpr std::array<const char*, 3> kinds{"exp_avg", "exp_avg_sq", "parameter"};
  /// Where in state_: 0 rate, 1 steps tried since the report, 2 steps taken, 3 the first bad one of those tried, 4 what of
  /// it (1 gradient, 2 loss), 5 factor of the gradient, 6 and 7 corrections of m and v, 8 weight of the average, 9 sum of
  /// losses, 10 how many, 11 norm.
  static constexpr int rate_at = 0, taken_at = 2;

  static io::HostTensor stored(const at::Tensor& t) {
    return io::encode_tensor(libtorch::Backend::to_host(t), {t.sizes().begin(), t.sizes().end()},
                             libtorch::Backend::dtype(t));
  }

  void exchange() {
    const at::NoGradGuard no_grad;
    const auto kept = values_.clone();
    values_.copy_(average_);
    average_.copy_(kept);
    changed();
  }

  AdamOptions options_;
  std::vector<std::string> names_;
  std::vector<at::Tensor> parameters_;
  at::Tensor values_, average_, first_, second_, state_;
};

}  // namespace cnf::training
