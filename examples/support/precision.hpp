// `--precision auto`: which precision of the networks trains faster here, float32 or bfloat16. It depends on the processor:
// with bfloat16 instructions the second takes half of the time, without them, or with slow ones, up to twice as long.
#pragma once

#include <fmt/format.h>

#include <algorithm>
#include <chrono>

#include "any_model.hpp"
#include "cnf/training/step.hpp"
#include "together.hpp"

namespace support {

/// Takes a few train steps in each, with models that are thrown away: make(placement) gives one, loss(model, pairs, noise)
/// is what it minimises. Says what it found. Of several processes the first decides.
template <class Make, class Loss>
cnf::libtorch::Backend::Precision faster_precision(cnf::libtorch::Backend::Placement placement,
                                                   cnf::training::StepOptions options,
                                                   const cnf::training::Batches& batch, const Make& make,
                                                   const Loss& loss, Replicas& replicas) {
  auto pairs = batch(0, replicas, options.batch);
  options.batch = long(pairs.y.size(0));
  pairs.for_each([&](at::Tensor& t) { t = t.to(placement.device); });
  using Clock = std::chrono::steady_clock;
  const auto seconds = [&](cnf::libtorch::Backend::Precision networks) {
    placement.networks = networks;
    const auto model = make(placement);
    model->module().train();
    auto o = options;
    o.networks = networks;
    if (o.micro_batch == cnf::libtorch::MicroBatch::fastest)
      o.micro_batch = std::min(8L, o.batch);  // it fits
    cnf::training::Step step(model->module(), o,
                             [&](const cnf::training::Pairs& p, const cnf::NoiseOptions& noise) {
                               return loss(*model, p, noise);
                             });
    const int warm_up = placement.device.is_cuda() ? 5 : 1;  // the graph is captured after a few
    double best = 1e300;
    for (int i = 0; i < warm_up + 3; ++i) {
      const auto start = Clock::now();
      step(pairs, 1e-6);
      step.report();
      if (i >= warm_up) best = std::min(best, std::chrono::duration<double>(Clock::now() - start).count());
    }
    return best;
  };
  const double whole = seconds(std::nullopt), half = seconds(at::kBFloat16);
  const auto chosen = replicas.gather(half < whole ? "bfloat16" : "float32")[0];
  fmt::print("networks in {}: a step takes {:.3g} s in float32, {:.3g} s in bfloat16\n", chosen, whole, half);
  if (chosen == "bfloat16") return at::kBFloat16;
  return std::nullopt;
}

}  // namespace support
