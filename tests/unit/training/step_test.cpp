#include "cnf/training/step.hpp"

#include "cnf/training/prefetch.hpp"
#include "support/doctest.hpp"
#include "support/error_of.hpp"
#include "support/models.hpp"
#include "support/random_tensor.hpp"

namespace {

using namespace cnf;
using training::Pairs;
using SmallModel = libtorch::Model<models::Sr>;

Pairs batch(std::int64_t step) {
  const auto y = models::uniform_integers({4, 3, 16, 16}, std::uint64_t(step));
  return {at::avg_pool2d(y, 2) / 255 - 0.5, y};
}

training::Step::Loss loss_of(SmallModel& model) {
  return [&model](const Pairs& p, const NoiseOptions& noise) {
    return model.given(p.x).bits_per_dim(p.y, noise).values.mean();
  };
}

std::vector<double> losses(const training::StepOptions& options, int steps) {
  SmallModel model({.seed = 1, .placement = {.dtype = at::kDouble, .networks = options.networks}});
  training::Step step(model, options, loss_of(model));
  std::vector<double> all;
  for (int i = 0; i < steps; ++i) {
    step(batch(i), 1e-3);
    all.push_back(step.report().loss);
  }
  return all;
}

}  // namespace

TEST_CASE("a step's loss is the model's, with the noise of that step") {
  SmallModel model({.seed = 1, .placement = {.dtype = at::kDouble}});
  training::Step step(model, {.batch = 4, .seed = 3}, loss_of(model));
  model.train();
  for (int i = 0; i < 3; ++i) {
    const auto pairs = batch(i);
    // ActNorm's first batch is the step's own: ask the second time
    step(pairs, 1e-30);
    const double told = step.report().loss;
    const at::NoGradGuard no_grad;
    const auto bits = model.given(pairs.x).bits_per_dim(pairs.y, {.seed = step.noise_seed(i)}).values.mean();
    CHECK(told == doctest::Approx(bits.item<double>()).epsilon(1e-12));
  }
  CHECK(step.noise_seed(2) == 3 * 1'000'003 + 3);
}

TEST_CASE("losses fall, and pieces of a batch give those of the whole") {
  const auto whole = losses({.batch = 4}, 12);
  CHECK(whole.back() < whole[1]);
  const auto pieces = losses({.batch = 4, .micro_batch = 3}, 12);
  for (std::size_t i = 0; i < whole.size(); ++i) CHECK(pieces[i] == doctest::Approx(whole[i]).epsilon(1e-9));
}

TEST_CASE("a repeated step has the gradients that it had") {
  SmallModel model({.seed = 1, .placement = {.dtype = at::kDouble}});
  training::Step step(model, {.batch = 4}, loss_of(model));
  step(batch(0), 1e-30);
  step(batch(1), 1e-30);
  const auto first = step.adam().parameters()[0].grad().clone();
  step(batch(2), 1e-30);
  step.repeat(batch(1), 1);
  CHECK(difference(step.adam().parameters()[0].grad(), first) < 1e-12);
}

TEST_CASE("memory that runs out is said with the batch's size and what to do") {
  SmallModel model({.seed = 1});
  training::Step step(
      model, {.batch = 64, .micro_batch = 16}, [](const Pairs&, const NoiseOptions&) -> at::Tensor {
        throw std::runtime_error("CUDA out of memory. Tried to allocate 3.00 GiB\nlong story");
      });
  CHECK(error_of([&] {
          step({at::zeros({64}), at::zeros({64})}, 1e-3);
        }) ==
        "out of memory in a step of 64 samples, 16 at a time: take a smaller batch, or a smaller "
        "micro-batch, which has "
        "the gradient of the whole");
}

TEST_CASE("a batch may be of another size, but has as many inputs as targets") {
  SmallModel model({.seed = 1, .placement = {.dtype = at::kDouble}});
  training::Step step(model, {.batch = 4, .micro_batch = 3}, loss_of(model));
  const auto all = batch(0);
  step(all, 1e-30);
  step.report();
  const Pairs two{all.x.narrow(0, 0, 2), all.y.narrow(0, 0, 2)};
  step(two, 1e-30);
  const at::NoGradGuard no_grad;
  CHECK(
      step.report().loss ==
      doctest::Approx(
          model.given(two.x).bits_per_dim(two.y, {.seed = step.noise_seed(1)}).values.mean().item<double>()));
  CHECK(error_of([&] {
          step({all.x, two.y}, 1e-3);
        }) == "expected a batch of as many inputs as targets, got 4 and 2");
}

TEST_CASE("batches: whole ones are divided, and parts are asked for") {
  struct Second : distributed::Replicas {
    int rank() const override { return 1; }
    int size() const override { return 3; }
  } second;
  distributed::Replicas alone;
  const training::Batches whole(batch);
  CHECK(whole(5, alone, 4).y.equal(batch(5).y));
  CHECK(whole(5, alone, 4).of == 0);
  const auto part = whole(5, second, 4);  // samples 1 .. 1 of 0 .. 3
  CHECK(part.first == 1);
  CHECK(part.of == 4);
  CHECK(part.x.equal(batch(5).x.narrow(0, 1, 1)));
  const training::Batches parts([](std::int64_t step, const distributed::Share& share) {
    return batch(step).rows(share.first, share.count);
  });
  CHECK(parts(5, second, 4).y.equal(part.y));
  CHECK(parts(5, second, 4).first == 1);
  CHECK(parts(5, alone, 4).y.equal(batch(5).y));
  const training::Batches wrong([](std::int64_t step, const distributed::Share&) { return batch(step); });
  CHECK(error_of([&] { wrong(5, second, 4); }) == "expected 1 samples of a batch of 4, got 4");
}

TEST_CASE("on the CPU batches are made when they are asked for") {
  std::vector<std::int64_t> made;
  training::Prefetch batches(
      [&](std::int64_t step) {
        made.push_back(step);
        return batch(step);
      },
      at::kCPU);
  CHECK(batches.get(5, true).y.equal(batch(5).y));
  CHECK((made == std::vector<std::int64_t>{5}));
}
