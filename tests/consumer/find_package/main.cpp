// Trains a conditional flow on LibTorch for a moment, and samples from it.
#include <cnf/cnf.hpp>

#include <torch/optim/adam.h>

using Flow = cnf::Sequential<cnf::Squeeze, cnf::InvConv1x1, cnf::AffineCoupling<cnf::ConvNet<8>>, cnf::Prior>;
using Spec = cnf::ConditionalFlow<cnf::Shape<1, 4, 4>, cnf::Shape<2, 2, 2>, cnf::Passthrough, Flow>;

int main() {
  cnf::libtorch::Model<Spec> model({.seed = 1});
  torch::optim::Adam adam(model.parameters(), 1e-2);
  const auto x = at::ones({4, 2, 2, 2});
  const auto y = 3 + 0.1 * at::randn({4, 1, 4, 4});

  const auto loss = [&] { return -model.given(x).log_prob(y).mean(); };
  const double before = loss().item<double>();
  for (int step = 0; step < 20; ++step) {
    adam.zero_grad();
    loss().backward();
    adam.step();
  }
  const auto samples = model.given(x).sample({.count = 2, .temperature = 0.5, .seed = 2});
  const bool sampled =
      samples.sizes() == at::IntArrayRef({8, 1, 4, 4}) && at::isfinite(samples).all().item<bool>();
  return loss().item<double>() < before && sampled ? 0 : 1;
}
