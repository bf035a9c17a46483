#include "cnf/training/adam.hpp"

#include <torch/nn/utils/clip_grad.h>
#include <torch/optim/adam.h>

#include "support/doctest.hpp"
#include "support/error_of.hpp"
#include "support/models.hpp"
#include "support/random_tensor.hpp"

namespace {

using namespace cnf;

struct Module : torch::nn::Module {
  at::Tensor a, b, c;
  Module() {
    a = register_parameter("a", random_tensor({3, 5}, 1));
    b = register_parameter("b", random_tensor({7}, 2));
    c = register_parameter("c", random_tensor({2, 3, 3, 3}, 3).contiguous(at::MemoryFormat::ChannelsLast));
  }
  at::Tensor loss(int step) const {
    return ((a.sin() * (step + 1)).sum() + (b * b).sum() + (c * random_tensor({2, 3, 3, 3}, 4)).sum()) * 0.5;
  }
};

}  // namespace

TEST_CASE("steps are those of LibTorch's clipped Adam, whatever the layout of a parameter") {
  for (const double clip : {0.5, 1e9}) {
    Module ours, theirs;
    training::Adam adam(ours, {.clip = clip, .average = 0});
    torch::optim::Adam reference(theirs.parameters(), torch::optim::AdamOptions(1e-2).betas({0.9, 0.99}));
    CHECK(ours.c.is_contiguous(at::MemoryFormat::ChannelsLast));
    for (int step = 0; step < 20; ++step) {
      adam.forget_gradients();
      const auto loss = ours.loss(step);
      loss.backward();
      adam.set_rate(1e-2);
      adam.step(loss);
      reference.zero_grad();
      theirs.loss(step).backward();
      torch::nn::utils::clip_grad_norm_(theirs.parameters(), clip);
      reference.step();
    }
    CHECK(difference(ours.a, theirs.a) < 1e-10);
    CHECK(difference(ours.b, theirs.b) < 1e-10);
    CHECK(difference(ours.c, theirs.c) < 1e-10);
  }
}

TEST_CASE("the average of weights follows its formula, and takes the parameters' place for a while") {
  Module module;
  training::Adam adam(module, {.average = 0.9, .warm_up = 3});
  adam.set_rate(0.1);
  auto average = module.b.detach().clone();
  for (int step = 1; step <= 12; ++step) {
    adam.forget_gradients();
    const auto loss = module.loss(step);
    loss.backward();
    adam.step(loss);
    const double since = step - 3, decay = since <= 0 ? 0 : std::min(0.9, (1 + since) / (10 + since));
    average = decay * average + (1 - decay) * module.b.detach();
  }
  const auto now = module.b.detach().clone();
  CHECK(difference(now, average) > 1e-3);
  {
    const training::Adam::Averaged averaged(adam);
    CHECK(difference(module.b, average) < 1e-12);
  }
  CHECK(difference(module.b, now) == 0);
}

TEST_CASE("a step whose loss or gradient is not finite changes nothing, nor does any after it") {
  for (const bool in_gradient : {true, false}) {
    CAPTURE(in_gradient);
    Module module;
    training::Adam adam(module);
    adam.set_rate(0.1);
    const auto step = [&](double poison) {
      adam.forget_gradients();
      auto loss = module.loss(1);
      loss.backward();
      if (in_gradient) module.b.mutable_grad()[2] += poison;
      adam.step(in_gradient ? loss : loss + poison);
    };
    step(0);
    step(0);
    const auto before = module.a.detach().clone();
    step(std::nan(""));
    step(0);
    CHECK(difference(module.a, before) == 0);
    const auto report = adam.report();
    CHECK(report.bad == 3);
    CHECK(report.in_gradient == in_gradient);
    CHECK(report.steps == 2);
    CHECK(report.loss == doctest::Approx(module.loss(1).item<double>()).epsilon(2));
    if (in_gradient) {
      module.b.mutable_grad()[2] += HUGE_VAL;
      CHECK(adam.first_bad_gradient() == "b");
    }
  }
}

TEST_CASE("a report tells of the steps since the last one") {
  Module module;
  training::Adam adam(module, {.clip = 0});
  adam.set_rate(1e-3);
  double sum = 0, norm = 0;
  for (int i = 0; i < 5; ++i) {
    if (i == 2) {
      adam.report();
      sum = 0;
    }
    adam.forget_gradients();
    const auto loss = module.loss(i);
    loss.backward();
    norm = 0;
    for (const auto& p : module.parameters()) norm += p.grad().pow(2).sum().item<double>();
    sum += loss.item<double>();
    adam.step(loss);
  }
  const auto report = adam.report();
  CHECK(report.steps == 3);
  CHECK(report.bad == 0);
  CHECK(report.loss == doctest::Approx(sum / 3));
  CHECK(report.gradient_norm == doctest::Approx(std::sqrt(norm)));
}

TEST_CASE(
    "saved and loaded, it goes on as if it had never stopped; a checkpoint without weights still serves") {
  const auto steps = [](Module& module, training::Adam& adam, int first, int count) {
    adam.set_rate(0.05);
    for (int i = first; i < first + count; ++i) {
      adam.forget_gradients();
      const auto loss = module.loss(i);
      loss.backward();
      adam.step(loss);
    }
  };
  Module whole;
  training::Adam adam(whole, {.average = 0.9, .warm_up = 2});
  steps(whole, adam, 0, 6);
  io::CheckpointExtras extras;
  adam.save(extras);
  Module again;
  {
    const training::Adam::Averaged averaged(adam);  // what the checkpoint's model is
    const at::NoGradGuard no_grad;
    for (std::size_t i = 0; i < 3; ++i) again.parameters()[i].copy_(whole.parameters()[i]);
  }
  training::Adam resumed(again, {.average = 0.9, .warm_up = 2});
  resumed.load(extras);
  steps(whole, adam, 6, 6);
  steps(again, resumed, 6, 6);
  CHECK(difference(whole.c, again.c) < 1e-12);
  {
    const training::Adam::Averaged a(adam), b(resumed);
    CHECK(difference(whole.a, again.a) < 1e-12);
  }

  std::erase_if(extras.tensors, [](const auto& t) { return t.first.starts_with("adam:parameter:"); });
  Module older;
  const auto start = older.a.detach().clone();
  training::Adam from_older(older);
  from_older.load(extras);
  CHECK(difference(older.a, start) == 0);
  const training::Adam::Averaged averaged(from_older);
  CHECK(difference(older.a, start) == 0);
}

TEST_CASE("what can't be trained is refused, and so is a module that was moved") {
  torch::nn::Module empty;
  CHECK(error_of([&] { training::Adam adam(empty); }) ==
        "Adam: expected a module with parameters to train, got none");
  Module mixed;
  mixed.b.set_data(mixed.b.detach().to(at::kFloat));
  CHECK(error_of([&] { training::Adam adam(mixed); }) ==
        "Adam: expected parameters of one type on one device, got several");
  Module half;
  half.to(at::kHalf);
  CHECK(error_of([&] { training::Adam adam(half); }) ==
        "Adam: expected float or double parameters on the CPU or on CUDA, got Half on cpu");
  Module moved;
  training::Adam adam(moved);
  moved.to(at::kFloat);
  const auto loss = moved.b.sum();
  loss.backward();
  CHECK(error_of([&] { adam.step(loss); }).find("the module was moved or converted since") !=
        std::string::npos);
}
