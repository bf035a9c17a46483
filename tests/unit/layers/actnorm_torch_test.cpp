#include "cnf/layers/actnorm.hpp"

#include "cnf/testing/check_layer.hpp"
#include "support/doctest.hpp"
#include "support/error_of.hpp"
#include "support/random_tensor.hpp"

namespace {

using B = cnf::libtorch::Backend;
using S = cnf::Shape<3, 4, 5>;
using Layer = cnf::ActNorm::Bound<B, S, cnf::Features<>>;

struct Fixture {
  torch::nn::Module module;
  Layer layer{cnf::Scope<B>(module, 1)};
};

at::Tensor per_channel(const at::Tensor& x) { return x.transpose(0, 1).flatten(1); }

}  // namespace

TEST_CASE("ActNorm keeps the layer contract") {
  using cnf::testing::check_layer;
  for (const auto& report : {check_layer<cnf::ActNorm, cnf::Shape<5>>(), check_layer<cnf::ActNorm, S>(),
                             check_layer<cnf::ActNorm, cnf::Shape<1, 2, 2>>(),
                             check_layer<cnf::ActNorm, S, cnf::Features<cnf::Shape<2, 4, 5>>>()})
    CHECK_MESSAGE(report.ok(), report.text());
}

TEST_CASE_FIXTURE(Fixture,
                  "ActNorm: the first batch gets zero mean and unit variance per channel, for good") {
  const auto scale = at::tensor({0.1, 1.0, 30.0}, at::kDouble).view({1, 3, 1, 1});
  const auto x = random_tensor({8, 3, 4, 5}, 1) * scale + 5 * scale;
  const auto first = layer.forward(cnf::Batch<B, S>(x), {});
  CHECK(difference(per_channel(first.y.data).mean(1), at::zeros({3}, at::kDouble)) < 1e-12);
  CHECK(difference(per_channel(first.y.data).var(1, false), at::ones({3}, at::kDouble)) < 1e-12);
  // log|det| = -H W sum log(spread)
  CHECK(difference(first.log_det, -20 * per_channel(x).std(1, false).log().sum()) < 1e-10);

  // another batch is mapped with the numbers of the first
  const auto second = layer.forward(cnf::Batch<B, S>(x * 2), {});
  CHECK(difference(per_channel(second.y.data).std(1, false), at::full({3}, 2, at::kDouble)) < 1e-12);
}

TEST_CASE_FIXTURE(Fixture, "ActNorm: a constant channel is scaled by 1/floor at most and stays finite") {
  auto x = random_tensor({4, 3, 4, 5}, 2);
  x.select(1, 1).fill_(7);
  const cnf::Batch<B, S> batch(x);
  const auto out = layer.forward(batch, {});
  CHECK(layer.log_scale.exp()[1].item<double>() == doctest::Approx(1 / Layer::floor));
  CHECK(difference(out.y.data.select(1, 1), at::zeros({4, 4, 5}, at::kDouble)) < 1e-9);
  CHECK(at::isfinite(out.log_det).item<bool>());
  CHECK(difference(layer.inverse(out.y, {}, {}).data, x) < 1e-10);
}

TEST_CASE_FIXTURE(Fixture, "ActNorm: a first batch that is not finite is an error, and the next one counts") {
  auto x = random_tensor({8, 3, 4, 5}, 4);
  const auto good = x.clone();
  x[2][1][3][0] = std::nan("");
  CHECK(error_of([&] { layer.forward(cnf::Batch<B, S>(x), {}); }) ==
        "ActNorm: expected finite numbers in the batch that initialises it, got others");
  CHECK_FALSE(layer.is_initialised());
  const auto y = layer.forward(cnf::Batch<B, S>(good), {}).y.data;
  CHECK(difference(per_channel(y).mean(1), at::zeros({3}, at::kDouble)) < 1e-12);
}

TEST_CASE_FIXTURE(Fixture, "ActNorm: use before initialisation is an error") {
  const auto x = random_batch<S>(2, 3);
  CHECK(error_of([&] { layer.inverse(x, {}, {}); }).find("initialised before its inverse") !=
        std::string::npos);
  module.eval();
  CHECK(error_of([&] { layer.forward(x, {}); }).find("initialised by a training batch") != std::string::npos);
  CHECK(layer.initialised.item<double>() == 0);

  module.train();
  layer.forward(x, {});
  module.eval();
  CHECK(error_of([&] { layer.inverse(layer.forward(x, {}).y, {}, {}); }) == "no error");
}

TEST_CASE_FIXTURE(Fixture, "ActNorm: the flag is a saved buffer, not a trained parameter") {
  const auto buffers = module.named_buffers();
  REQUIRE(buffers.contains("initialised"));
  const auto flag = buffers["initialised"];
  CHECK(flag.item<double>() == 0);
  CHECK(module.parameters().size() == 2);

  // a layer with the saved numbers of another one needs no first batch
  const auto x = random_batch<S>(4, 4, 3);
  const auto y = layer.forward(x, {}).y;
  CHECK(flag.item<double>() == 1);
  Fixture loaded;
  CHECK_FALSE(loaded.layer.is_initialised());
  loaded.module.eval();
  std::map<std::string, std::vector<double>> saved;
  B::for_each_parameter(module,
                        [&](const std::string& name, const at::Tensor& p) { saved[name] = B::to_host(p); });
  B::for_each_parameter(loaded.module,
                        [&](const std::string& name, const at::Tensor& p) { B::assign(p, saved.at(name)); });
  CHECK(loaded.layer.forward(x, {}).y.data.equal(y.data));
}

TEST_CASE_FIXTURE(Fixture, "ActNorm: initialisation leaves no trace in the gradient") {
  const auto x = random_batch<S>(4, 5);
  layer.forward(x, {}).y.data.sum().backward();
  CHECK(layer.log_scale.grad().defined());
  CHECK(layer.log_scale.is_leaf());
  // y = exp(s) (x + b): d sum(y) / db = N H W exp(s)
  CHECK(difference(layer.bias.grad(), 80 * layer.log_scale.exp()) < 1e-10);
}
