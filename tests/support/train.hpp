// A short training run: Adam on -log_prob, its rate falling to zero at the end.
#pragma once

#include <ATen/Parallel.h>
#include <torch/optim/adam.h>

#include "cnf/libtorch.hpp"

/// One thread while it lives: models this small are slower on two, far slower where something else uses the cores.
class OneThread {
 public:
  OneThread() { at::set_num_threads(1); }
  OneThread(const OneThread&) = delete;
  OneThread& operator=(const OneThread&) = delete;
  ~OneThread() { at::set_num_threads(before_); }

 private:
  int before_ = at::get_num_threads();
};

struct Pairs {
  at::Tensor x, y;
};

/// Takes `steps` steps; batch(step) gives Pairs. The model is in evaluation mode afterwards.
template <class Model, class Batch>
void train(Model& model, int steps, double rate, const Batch& batch) {
  const OneThread one_thread;
  model.train();
  torch::optim::Adam adam(model.parameters(), torch::optim::AdamOptions(rate));
  for (int step = 0; step < steps; ++step) {
    const double left = 1 - double(step) / steps;
    for (auto& group : adam.param_groups())
      static_cast<torch::optim::AdamOptions&>(group.options()).lr(rate * std::min(1.0, 3 * left));
    const Pairs pairs = batch(step);
    adam.zero_grad();
    (-model.given(pairs.x).log_prob(pairs.y, {.seed = std::uint64_t(step)}).mean()).backward();
    adam.step();
  }
  model.eval();
}

/// A mean with its standard error.
struct Estimate {
  double mean, error;
};

inline Estimate estimate(const at::Tensor& values) {
  const auto v = values.to(at::kDouble).flatten();
  return {v.mean().item<double>(), v.std().item<double>() / std::sqrt(double(v.numel()))};
}
