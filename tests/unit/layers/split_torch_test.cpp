#include "cnf/layers/split.hpp"

#include "cnf/nets/conv_net.hpp"
#include "cnf/testing/check_layer.hpp"
#include "support/doctest.hpp"
#include "support/random_tensor.hpp"

namespace {

using cnf::BasicSplit, cnf::ConvNet, cnf::Features, cnf::Projection, cnf::Shape, cnf::Split,
    cnf::testing::check_layer;
using B = cnf::libtorch::Backend;
using In = Shape<4, 3, 2>;
using F = Features<Shape<3, 3, 2>>;

struct Fixture {
  torch::nn::Module module;
  cnf::bound_t<Split, B, In, F> layer{cnf::Scope<B>(module, 1)};
  cnf::Batch<B, In> z = random_batch<In>(3, 1);
  cnf::Maps<B, F> h{.data = {random_tensor({3, 3, 3, 2}, 2)}};
};

}  // namespace

TEST_CASE("Split keeps the layer contract") {
  for (const auto& report :
       {check_layer<Split, Shape<2, 2, 3>>(), check_layer<BasicSplit<Projection<1>>, Shape<6>>(),
        check_layer<Split, In, F>({.expect_conditional = true}),
        check_layer<BasicSplit<Projection<1>>, Shape<2>, Features<Shape<4>>>({.expect_conditional = true}),
        check_layer<BasicSplit<ConvNet<6>>, In, F>({.expect_conditional = true})})
    CHECK_MESSAGE(report.ok(), report.text());
}

TEST_CASE_FIXTURE(Fixture, "Split: the first half goes on, the second leaves, unchanged at the start") {
  const auto out = layer.forward(z, h);
  CHECK(out.y.data.equal(z.data.narrow(1, 0, 2)));
  CHECK(out.latents.get<0>().data.equal(z.data.narrow(1, 2, 2)));
  CHECK(out.log_det.abs().max().item<double>() == 0);
}

TEST_CASE_FIXTURE(
    Fixture, "Split whitens: log N(e; 0, 1) + log_det is the Gaussian log density of z1 given z0 and h") {
  cnf::testing::perturb<cnf::libtorch::Backend>(module, 1, 0.3);
  const auto out = layer.forward(z, h);
  // mu and sigma once more, by one convolution of the concatenation [z0, h]
  const auto z0 = z.data.narrow(1, 0, 2), z1 = z.data.narrow(1, 2, 2);
  const auto p = module.named_parameters();
  const auto raw = at::conv2d(at::cat({z0, h.data[0]}, 1), at::cat({p["net.weight"], p["net.features"]}, 1),
                              p["net.bias"], 1, 1);
  const auto mu = raw.narrow(1, 0, 2), sigma = (3 * at::tanh(raw.narrow(1, 2, 2) / 3)).exp();
  const auto density =
      (-0.5 * ((z1 - mu) / sigma).pow(2) - sigma.log() - 0.5 * std::log(2 * std::numbers::pi)).sum({1, 2, 3});

  const auto whitened = cnf::standard_normal_log_density<B>(out.latents.data[0]) + out.log_det;
  CHECK(difference(whitened, density) < 1e-11);
  CHECK(difference(sigma.log(), at::zeros_like(sigma)) > 0.1);
}

TEST_CASE_FIXTURE(Fixture, "Split: sigma stays within [0.0497, 20.1], whatever its network says") {
  cnf::testing::perturb<cnf::libtorch::Backend>(module, 1, 1000);
  const auto out = layer.forward(z, h);
  CHECK(at::isfinite(out.latents.data[0]).all().item<bool>());
  CHECK(out.log_det.abs().max().item<double>() <= 3 * 12);
  // the deviation of a sample at tau = 1 is at most e^3
  const cnf::Maps<B, cnf::Latents<Shape<2, 3, 2>>> zero{.data = {at::zeros({3, 2, 3, 2}, at::kDouble)}};
  const cnf::Maps<B, cnf::Latents<Shape<2, 3, 2>>> one{.data = {at::ones({3, 2, 3, 2}, at::kDouble)}};
  const auto sigma = layer.inverse(out.y, one, h).data - layer.inverse(out.y, zero, h).data;
  CHECK(sigma.narrow(1, 2, 2).max().item<double>() <= std::exp(3) * (1 + 1e-9));
  CHECK(sigma.narrow(1, 2, 2).min().item<double>() >= std::exp(-3) * (1 - 1e-9));
}
