// p(y | x): a point y on a noisy ring whose radius is x. The training of docs/using.md.
#include <torch/cuda.h>

#include <cnf/training/train.hpp>
#include <cstdio>

using namespace cnf;

using Step = Sequential<ActNorm, InvConv1x1, AffineCoupling<Mlp<64>>>;
using Ring =
    ConditionalFlow<Shape<2>, Shape<1>, Passthrough, Sequential<Repeat<8, Step>, BasicPrior<Projection<1>>>>;

/// 256 radii and points; the same for the same step.
training::Pairs batch(std::int64_t step) {
  const auto draw = [&](Distribution kind, int stream) {
    return libtorch::noise({.seed = std::uint64_t(step)}, Stream::user, stream, kind, 1, {256, 1, 1, 1},
                           at::kFloat);
  };
  const auto x = 1 + draw(Distribution::uniform, 0), angle = 6.2832 * draw(Distribution::uniform, 1);
  const auto radius = x + 0.1 * draw(Distribution::normal, 2);
  return {x, at::cat({radius * angle.cos(), radius * angle.sin()}, 1)};
}

int main() {
  const at::Device device = torch::cuda::is_available() ? at::kCUDA : at::kCPU;
  libtorch::Model<Ring> model({.seed = 1, .placement = {.device = device}});
  try {
    const auto checkpoint = training::prepare_folder("ring");  // log.jsonl and model.safetensors
    training::train(model, {.folder = "ring", .steps = 2000, .batch = 256, .average = 0.99},
                    training::hooks(model, checkpoint, [&](std::int64_t step) {
                      auto pairs = batch(step);
                      pairs.for_each([&](at::Tensor& t) { t = t.to(device); });
                      return pairs;
                    }));
    io::load_checkpoint(checkpoint, model);  // the average of the weights
  } catch (const Error& error) {
    std::fprintf(stderr, "ring: %s\n", error.what());
    return 2;
  } catch (const training::Interrupted&) {
    return 130;
  }
  model.eval();
  for (const double x : {1.0, 1.5, 2.0}) {
    const auto y = model.given(at::full({1, 1, 1, 1}, x)).sample({.count = 10'000, .seed = 1});
    std::printf("radius %.1f: samples have %.2f\n", x, y.norm(2, 1).mean().item<double>());
  }
}
