// A density without a condition: two moons, learnt in seconds, drawn beside their samples, and computed by Eigen alone.
//
//   density [PICTURE.png]
#include <cnf/eigen.hpp>
#include <cnf/training/train.hpp>
#include <cstdio>

#include "densities.hpp"
#include "picture.hpp"

using namespace cnf;

using Step = Sequential<ActNorm, SplineCoupling<ResidualMlp<64>>, InvConv1x1>;
using Moons = UnconditionalFlow<Shape<2>, Sequential<Repeat<4, Step>, Prior>>;

int main(int argc, char** argv) {
  const auto moons = density::two_moons();
  libtorch::Model<Moons> model({.seed = 1});
  try {
    const auto run = training::prepare_folder("density");
    training::train(
        model, {.folder = "density", .steps = 1000, .batch = 512, .learning_rate = 3e-3, .average = 0.99},
        training::hooks(model, run, [&](std::int64_t step) {
          return training::Pairs{{}, moons.sample(512, std::uint64_t(step) + 1'000'000).to(at::kFloat)};
        }));
    io::load_checkpoint(run.checkpoint, model);  // the average of the weights
    model.eval();

    const at::NoGradGuard no_grad;
    const auto test = moons.sample(20'000, 1);
    const auto excess = density::estimate(moons.log_density(test) - model.log_prob(test).to(at::kDouble));
    std::printf("entropy %.3f nats, the flow's cross entropy %.3f more (+- %.3f)\n",
                density::entropy(moons, 50'000).mean, excess.mean, excess.error);

    eigen::Model<Moons> small;  // no LibTorch from here on
    io::load_checkpoint(run.checkpoint, small);
    density::draw(argc > 1 ? argv[1] : "density.png", small);
  } catch (const Error& error) {
    std::fprintf(stderr, "density: %s\n", error.what());
    return 2;
  } catch (const training::Interrupted&) {
    return 130;
  }
}
