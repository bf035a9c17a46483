// Training where a step is kernels, and on a GPU one graph.
#include "cnf/training/step.hpp"
#include "place.hpp"
#include "support/models.hpp"
#include "support/random_tensor.hpp"

namespace {

using namespace cnf;
using training::Pairs;
using SmallModel = libtorch::Model<models::Sr>;

Pairs batch(std::int64_t step, at::ScalarType type) {
  const auto y = models::uniform_integers({4, 3, 16, 16}, std::uint64_t(step));
  return {(at::avg_pool2d(y, 2) / 255 - 0.5).to(Place::device(), type), y.to(Place::device(), at::kByte)};
}

struct Run {
  std::vector<double> losses;
  bool replayed;
  std::string why_not;
};

Run run(int steps, at::ScalarType type, training::StepOptions options, bool reversible = false) {
  options.batch = 4;
  libtorch::Model<models::Sr> model(
      {.seed = 1,
       .reversible = reversible,
       .placement = {.dtype = type, .device = Place::device(), .networks = options.networks}});
  model.train();
  training::Step step(model, options, [&model](const Pairs& p, const NoiseOptions& noise) {
    return model.given(p.x).bits_per_dim(p.y.to(p.x.scalar_type()), noise).values.mean();
  });
  Run result{};
  for (int i = 0; i < steps; ++i) {
    step(batch(i, type), 1e-3);
    result.losses.push_back(step.report().loss);
  }
  result.replayed = step.replay().replayed();
  result.why_not = step.replay().why_not();
  return result;
}

void check_near(const std::vector<double>& a, const std::vector<double>& b, double bound) {
  REQUIRE(a.size() == b.size());
  for (std::size_t i = 0; i < a.size(); ++i) {
    CAPTURE(i);
    CHECK(std::abs(a[i] - b[i]) <= bound * std::abs(b[i]));
  }
}

}  // namespace

TEST_CASE("steps by kernels are steps by ATen's operations") {
  const Place place;
  if (!place.is_there()) return;
  const auto kernels = run(20, at::kDouble, {.graph = false});
  libtorch::fusing() = libtorch::Fusing::nowhere;
  const auto plain = run(20, at::kDouble, {.graph = false});
  check_near(kernels.losses, plain.losses, 1e-9);
  CHECK(kernels.losses.back() < kernels.losses[1]);
}

TEST_CASE("a graph's numbers are those of op by op, the noise of every step its own") {
  const Place place;
  if (!place.is_gpu()) return;
  for (const auto networks : {libtorch::Backend::Precision{}, libtorch::Backend::Precision{at::kBFloat16}}) {
    const auto graph = run(20, at::kFloat, {.networks = networks});
    CHECK_MESSAGE(graph.replayed, graph.why_not);
    const auto plain = run(20, at::kFloat, {.graph = false, .networks = networks});
    CHECK_FALSE(plain.replayed);
    check_near(graph.losses, plain.losses, networks ? 1e-2 : 1e-4);
  }
  const auto pieces = run(20, at::kDouble, {.micro_batch = 2});
  CHECK_MESSAGE(pieces.replayed, pieces.why_not);
  check_near(pieces.losses, run(20, at::kDouble, {.graph = false}).losses, 1e-7);
}

TEST_CASE("networks in bfloat16 and rebuilt activations train like float's") {
  const Place place;
  if (!place.is_there()) return;
  const auto whole = run(20, at::kFloat, {}), half = run(20, at::kFloat, {.networks = at::kBFloat16});
  check_near(half.losses, whole.losses, 0.02);
  // LibTorch's default flags: TF32 convolutions on a GPU
  const auto rebuilt = run(20, at::kFloat, {}, /*reversible=*/true);
  CHECK_MESSAGE((!Place::is_cuda() || rebuilt.replayed), rebuilt.why_not);
  check_near(rebuilt.losses, whole.losses, 5e-3);
}

TEST_CASE("a value that is not finite is found in a graph, too, and the weights stay") {
  const Place place;
  if (!place.is_there()) return;
  SmallModel model({.seed = 1, .placement = {.device = Place::device()}});
  model.train();
  training::Step step(model, {.batch = 4}, [&model](const Pairs& p, const NoiseOptions& noise) {
    const auto size = p.x.abs().sum();
    return model.given(p.x).bits_per_dim(p.y.to(at::kFloat), noise).values.mean() * (size / size);
  });
  for (int i = 0; i < 8; ++i) {
    auto pairs = batch(i, at::kFloat);
    if (i == 6) pairs.x.zero_();  // 0 / 0
    step(pairs, 1e-3);
  }
  CHECK(step.report().bad == 7);
  for (const auto& p : model.parameters()) CHECK(at::isfinite(p).all().item<bool>());
}

TEST_CASE(
    "rebuilt activations have the gradients of stored ones; in float on a GPU, those of TF32's rounding") {
  const Place place;
  if (!place.is_there()) return;
  const auto gradients = [](at::ScalarType type, bool reversible) {
    libtorch::Model<models::Sr> model(
        {.seed = 1, .reversible = reversible, .placement = {.dtype = type, .device = Place::device()}});
    cnf::testing::make_ready(model, 0.05);
    const auto pairs = batch(1, type);
    model.given(pairs.x).bits_per_dim(pairs.y.to(type), {.seed = 1}).values.mean().backward();
    std::vector<at::Tensor> all;
    for (const auto& p : model.parameters()) all.push_back(p.grad().to(at::kCPU, at::kDouble).flatten());
    return at::cat(all);
  };
  for (const auto& [type, bound] :
       {std::pair{at::kDouble, 1e-8}, std::pair{at::kFloat, Place::is_cuda() ? 2e-2 : 1e-3}}) {
    const auto stored = gradients(type, false), rebuilt = gradients(type, true);
    CHECK((stored - rebuilt).norm().item<double>() <= bound * stored.norm().item<double>());
  }
}
