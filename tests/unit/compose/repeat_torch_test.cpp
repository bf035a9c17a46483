#include "cnf/compose/repeat.hpp"

#include "cnf/compose/sequential.hpp"
#include "cnf/layers/actnorm.hpp"
#include "cnf/layers/additive_coupling.hpp"
#include "cnf/layers/affine_coupling.hpp"
#include "cnf/layers/invconv1x1.hpp"
#include "cnf/layers/permute.hpp"
#include "cnf/nets/conv_net.hpp"
#include "cnf/testing/check_layer.hpp"
#include "support/doctest.hpp"
#include "support/random_tensor.hpp"

namespace {

using namespace cnf;
using B = libtorch::Backend;
using Step = Sequential<ActNorm, InvConv1x1, AffineCoupling<Mlp<6>>>;

}  // namespace

TEST_CASE("Repeat keeps the layer contract") {
  using testing::check_layer;
  for (const auto& report :
       {check_layer<Repeat<1, Step>, Shape<3>>(),
        check_layer<Repeat<3, Step>, Shape<4, 2, 2>, Features<Shape<2, 2, 2>>>({.expect_conditional = true}),
        check_layer<Repeat<2, Repeat<2, Step>>, Shape<3>>(),
        check_layer<Repeat<3, Sequential<Reverse, AdditiveCoupling<Mlp<6>>>>, Shape<3>, Features<Shape<2>>>(
            {.expect_conditional = true})})
    CHECK_MESSAGE(report.ok(), report.text());
}

TEST_CASE("Repeat<K, L>: K copies with parameters of their own, different at the start") {
  torch::nn::Module module;
  const bound_t<Repeat<3, Step>, B, Shape<4>, Features<>> layer{Scope<B>(module, 1)};
  const auto p = module.named_parameters();
  CHECK(p.size() == 3 * (2 + 1 + 6));
  for (const std::string name : {".1.weight", ".2.net.conv1.weight", ".2.net.conv2.bias"}) {
    CAPTURE(name);
    CHECK(difference(p["0" + name], p["1" + name]) > 0.01);
    CHECK(difference(p["1" + name], p["2" + name]) > 0.01);
  }
}

TEST_CASE("Repeat is the composition of its copies, and its log_det their sum") {
  torch::nn::Module module;
  const bound_t<Repeat<3, Step>, B, Shape<4, 2, 3>, Features<>> layer{Scope<B>(module, 1)};
  const auto x = random_batch<Shape<4, 2, 3>>(5, 1);
  layer.forward(x, {});
  testing::perturb<libtorch::Backend>(module, 1, 0.2);
  const auto out = layer.forward(x, {});
  auto y = x;
  auto log_det = at::zeros({5}, at::kDouble);
  for (const auto& step : layer.layers) {
    const auto one = step.forward(y, {});
    y = one.y;
    log_det = log_det + one.log_det;
  }
  CHECK(out.y.data.equal(y.data));
  CHECK(difference(out.log_det, log_det) < 1e-13);
  CHECK(log_det.abs().min().item<double>() > 0.1);
}
