#include "cnf/layers/additive_coupling.hpp"

#include "cnf/nets/conv_net.hpp"
#include "cnf/testing/check_layer.hpp"
#include "support/doctest.hpp"
#include "support/random_tensor.hpp"

namespace {

using cnf::AdditiveCoupling, cnf::ConvNet, cnf::Features, cnf::Mlp, cnf::Shape, cnf::testing::check_layer;
using B = cnf::libtorch::Backend;

}  // namespace

TEST_CASE("AdditiveCoupling keeps the layer contract") {
  for (const auto& report :
       {check_layer<AdditiveCoupling<ConvNet<6>>, Shape<4, 3, 2>>(),
        check_layer<AdditiveCoupling<Mlp<6>>, Shape<3>>(),
        check_layer<AdditiveCoupling<Mlp<6>>, Shape<2>, Features<Shape<3>>>({.expect_conditional = true}),
        check_layer<AdditiveCoupling<ConvNet<6>>, Shape<5, 2, 2>, Features<Shape<2, 2, 2>>>(
            {.expect_conditional = true})}) {
    CHECK_MESSAGE(report.ok(), report.text());
    CHECK(report.log_det < 1e-12);
  }
}

TEST_CASE("AdditiveCoupling: y0 = z0 + t, y1 = z1, the identity at the start") {
  using In = Shape<5, 3, 4>;
  using F = Features<Shape<2, 3, 4>>;
  torch::nn::Module module;
  const cnf::bound_t<AdditiveCoupling<ConvNet<8>>, B, In, F> layer{cnf::Scope<B>(module, 1)};
  const auto x = random_batch<In>(3, 1);
  const cnf::Maps<B, F> h{.data = {random_tensor({3, 2, 3, 4}, 2)}};
  CHECK(layer.forward(x, h).y.data.equal(x.data));

  cnf::testing::perturb<cnf::libtorch::Backend>(module, 1, 0.5);
  const auto y = layer.forward(x, h).y.data;
  const auto t = layer.net(cnf::Batch<B, Shape<3, 3, 4>>(x.data.narrow(1, 2, 3)), h.condition<In>()).data;
  REQUIRE(t.size(1) == 2);
  CHECK(difference(y.narrow(1, 0, 2), x.data.narrow(1, 0, 2) + t) < 1e-14);
  CHECK(y.narrow(1, 2, 3).equal(x.data.narrow(1, 2, 3)));
  CHECK(difference(y, x.data) > 0.1);
}
