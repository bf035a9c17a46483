#include "cnf/layers/affine_coupling.hpp"

#include "cnf/nets/conv_net.hpp"
#include "cnf/testing/check_layer.hpp"
#include "support/doctest.hpp"
#include "support/random_tensor.hpp"

namespace {

using cnf::AffineCoupling, cnf::ConvNet, cnf::Features, cnf::Mlp, cnf::Shape, cnf::testing::check_layer;
using B = cnf::libtorch::Backend;

struct Fixture {
  using In = Shape<5, 3, 4>;
  using F = Features<Shape<2, 3, 4>>;
  torch::nn::Module module;
  cnf::bound_t<AffineCoupling<ConvNet<8>>, B, In, F> layer{cnf::Scope<B>(module, 1)};
  cnf::Batch<B, In> x = random_batch<In>(3, 1);
  cnf::Maps<B, F> h{.data = {random_tensor({3, 2, 3, 4}, 2)}};
};

}  // namespace

TEST_CASE_TEMPLATE("AffineCoupling keeps the layer contract with every scale", Scale, cnf::TanhScale,
                   cnf::SigmoidScale, cnf::SoftplusScale, cnf::ExpScale) {
  for (const auto& report :
       {check_layer<AffineCoupling<ConvNet<6>, Scale>, Shape<4, 3, 2>>(),
        check_layer<AffineCoupling<Mlp<8>, Scale>, Shape<5>, Features<Shape<3>>>(
            {.expect_conditional = true}),
        check_layer<AffineCoupling<ConvNet<6>, Scale>, Shape<3, 2, 2>,
                    Features<Shape<2, 4, 4>, Shape<2, 2, 2>>>({.expect_conditional = true})})
    CHECK_MESSAGE(report.ok(), report.text());
}

TEST_CASE("AffineCoupling keeps the layer contract on two channels and on vectors") {
  for (const auto& report :
       {check_layer<AffineCoupling<ConvNet<6>>, Shape<2, 2, 3>>(),
        check_layer<AffineCoupling<Mlp<6>>, Shape<2>>(), check_layer<AffineCoupling<Mlp<6>>, Shape<7>>()})
    CHECK_MESSAGE(report.ok(), report.text());
}

TEST_CASE("AffineCoupling reads the map of its own resolution and no other") {
  const auto report =
      check_layer<AffineCoupling<ConvNet<6>>, Shape<4, 2, 2>, Features<Shape<2, 4, 4>, Shape<3, 2, 2>>>();
  CHECK_MESSAGE(report.ok(), report.text());
  CHECK(report.maps_read == std::vector<bool>{false, true});
}

TEST_CASE_FIXTURE(Fixture, "AffineCoupling is exactly the identity at the start") {
  const auto out = layer.forward(x, h);
  CHECK(out.y.data.equal(x.data));
  CHECK(out.log_det.equal(at::zeros({3}, at::kDouble)));
  CHECK(layer.inverse(x, {}, h).data.equal(x.data));
}

TEST_CASE_FIXTURE(Fixture, "AffineCoupling: y0 = s z0 + t, y1 = z1, log_det = sum log s, |log s| <= 2") {
  cnf::testing::perturb<cnf::libtorch::Backend>(module, 1, 0.5);
  const auto out = layer.forward(x, h);
  const auto raw = layer.net(cnf::Batch<B, Shape<3, 3, 4>>(x.data.narrow(1, 2, 3)), h.condition<In>()).data;
  const auto log_s = 2 * at::tanh(raw.narrow(1, 0, 2) / 2), t = raw.narrow(1, 2, 2);
  CHECK(difference(out.y.data.narrow(1, 0, 2), log_s.exp() * x.data.narrow(1, 0, 2) + t) < 1e-13);
  CHECK(out.y.data.narrow(1, 2, 3).equal(x.data.narrow(1, 2, 3)));
  CHECK(difference(out.log_det, log_s.sum({1, 2, 3})) < 1e-12);

  // however large the network's output: 2 channels of 12 pixels, each within [-2, 2]
  cnf::testing::perturb<cnf::libtorch::Backend>(module, 2, 100);
  const auto wild = layer.forward(x, h);
  CHECK(at::isfinite(wild.y.data).all().item<bool>());
  CHECK(wild.log_det.abs().max().item<double>() <= 48);
  CHECK(wild.log_det.abs().max().item<double>() > 1);
}

TEST_CASE("AffineCoupling changes the smaller half of an odd number of channels") {
  using On = AffineCoupling<ConvNet<8>>::On<Shape<5, 2, 2>, Features<>>;
  CHECK(On::changed == 2);
  CHECK(On::Kept::channels == 3);
}
