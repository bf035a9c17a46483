#include "cnf/layers/prior.hpp"

#include "cnf/nets/conv_net.hpp"
#include "cnf/testing/check_layer.hpp"
#include "support/doctest.hpp"
#include "support/random_tensor.hpp"

namespace {

using cnf::BasicPrior, cnf::ConvNet, cnf::Features, cnf::Prior, cnf::Projection, cnf::Shape,
    cnf::testing::check_layer;
using B = cnf::libtorch::Backend;
using In = Shape<3, 3, 2>;
using F = Features<Shape<2, 3, 2>>;

at::Tensor gaussian(const at::Tensor& z, const at::Tensor& mu, const at::Tensor& sigma) {
  return (-0.5 * ((z - mu) / sigma).pow(2) - sigma.log() - 0.5 * std::log(2 * std::numbers::pi))
      .sum({1, 2, 3});
}

}  // namespace

TEST_CASE("Prior keeps the layer contract") {
  for (const auto& report :
       {check_layer<Prior, In>(), check_layer<Prior, Shape<1>>(),
        check_layer<Prior, In, F>({.expect_conditional = true}),
        check_layer<BasicPrior<Projection<1>>, Shape<5>, Features<Shape<2>>>({.expect_conditional = true}),
        check_layer<BasicPrior<ConvNet<6>>, In, F>({.expect_conditional = true})})
    CHECK_MESSAGE(report.ok(), report.text());
}

TEST_CASE("Prior whitens: log N(e; 0, 1) + log_det is the Gaussian log density of z given h") {
  torch::nn::Module module;
  const cnf::bound_t<Prior, B, In, F> layer{cnf::Scope<B>(module, 1)};
  const auto z = random_batch<In>(3, 1);
  const cnf::Maps<B, F> h{.data = {random_tensor({3, 2, 3, 2}, 2)}};
  CHECK(layer.forward(z, h).y.data.equal(z.data));

  cnf::testing::perturb<cnf::libtorch::Backend>(module, 1, 0.3);
  const auto p = module.named_parameters();
  const auto raw = at::conv2d(h.data[0], p["net.features"], p["net.bias"], 1, 1);
  const auto out = layer.forward(z, h);
  CHECK(difference(cnf::standard_normal_log_density<B>(out.y.data) + out.log_det,
                   gaussian(z.data, raw.narrow(1, 0, 3), (3 * at::tanh(raw.narrow(1, 3, 3) / 3)).exp())) <
        1e-11);
}

TEST_CASE("Prior without features: one learnt mean and deviation per channel") {
  torch::nn::Module module;
  const cnf::bound_t<Prior, B, In, Features<>> layer{cnf::Scope<B>(module, 1)};
  const auto z = random_batch<In>(3, 1);
  B::assign(module.named_parameters()["net.bias"], {1, 2, 3, 0.1, -0.2, 50});
  const auto out = layer.forward(z, {});
  const auto mu = at::tensor({1.0, 2.0, 3.0}, at::kDouble).view({1, 3, 1, 1});
  const auto log_sigma =
      at::tensor({3 * std::tanh(0.1 / 3), 3 * std::tanh(-0.2 / 3), 3.0}, at::kDouble).view({1, 3, 1, 1});
  CHECK(difference(cnf::standard_normal_log_density<B>(out.y.data) + out.log_det,
                   gaussian(z.data, mu, log_sigma.exp().expand({3, 3, 3, 2}))) < 1e-10);
  // colouring e = 0 gives the mean: the decode at temperature 0
  CHECK(difference(layer.inverse(cnf::Batch<B, In>(at::zeros({2, 3, 3, 2}, at::kDouble)), {}, {}).data,
                   mu.expand({2, 3, 3, 2})) < 1e-14);
}

TEST_CASE("Prior: sigma stays within [0.0497, 20.1]") {
  torch::nn::Module module;
  const cnf::bound_t<Prior, B, Shape<2>, Features<>> layer{cnf::Scope<B>(module, 1)};
  B::assign(module.named_parameters()["net.bias"], {0, 0, -1e6, 1e6});
  const auto sigma = layer.inverse(cnf::Batch<B, Shape<2>>(at::ones({1, 2, 1, 1}, at::kDouble)), {}, {}).data;
  CHECK(sigma[0][0].item<double>() == doctest::Approx(std::exp(-3)).epsilon(1e-9));
  CHECK(sigma[0][1].item<double>() == doctest::Approx(std::exp(3)).epsilon(1e-9));
}
