#include "cnf/layers/transform_coupling.hpp"

#include "cnf/core.hpp"
#include "cnf/testing/check_layer.hpp"
#include "support/doctest.hpp"
#include "support/random_tensor.hpp"

namespace {

using namespace cnf;
using B = libtorch::Backend;
using Coarse = SplineCoupling<ConvNet<6>, 3, Interval<-1, 2>>;
using Single = MixtureCoupling<ConvNet<6>, 1>;

}  // namespace

TEST_CASE_TEMPLATE("couplings of splines and mixtures keep the layer contract", Layer,
                   SplineCoupling<ConvNet<6>>, Coarse, MixtureCoupling<ConvNet<6>>, Single) {
  for (const auto& report :
       {testing::check_layer<Layer, Shape<4, 3, 2>>({.perturbation = 0.4}),
        testing::check_layer<Layer, Shape<3, 2, 2>, Features<Shape<2, 4, 4>, Shape<2, 2, 2>>>(
            {.perturbation = 0.4, .expect_conditional = true})})
    CHECK_MESSAGE(report.ok(), report.text());
}

TEST_CASE("couplings of splines and mixtures keep the layer contract on vectors") {
  using F = Features<Shape<3>>;
  for (const auto& report :
       {testing::check_layer<SplineCoupling<Mlp<6>>, Shape<5>, F>({.expect_conditional = true}),
        testing::check_layer<MixtureCoupling<ResidualMlp<6>>, Shape<2>, F>({.expect_conditional = true})})
    CHECK_MESSAGE(report.ok(), report.text());
}

TEST_CASE("a coupling by a transform that brings no name of its own") {
  using Own = TransformCoupling<ConvNet<6>, AffineTransform<>>;
  const auto report = testing::check_layer<Own, Shape<4, 2, 2>>({.perturbation = 0.4});
  CHECK_MESSAGE(report.ok(), report.text());
  CHECK(describe<Own>() == "TransformCoupling<ConvNet<6>, AffineTransform<BoundedScale<2>>>");
}

TEST_CASE("they say what they are") {
  CHECK(describe<SplineCoupling<Mlp<6>>>() == "SplineCoupling<ConvNet<6, 1>, 8>");
  CHECK(describe<SplineCoupling<Mlp<6>, 4, Interval<-1, 2>>>() ==
        "SplineCoupling<ConvNet<6, 1>, 4, Interval<-1, 2>>");
  CHECK(describe<MixtureCoupling<ConvNet<6>, 3>>() == "MixtureCoupling<ConvNet<6>, 3>");
}

TEST_CASE_TEMPLATE("Reversible rebuilds them: the same gradients", Layer, SplineCoupling<ConvNet<8>>,
                   MixtureCoupling<ConvNet<8>>) {
  using In = Shape<4, 4, 4>;
  using F = Features<Shape<2, 4, 4>>;
  using Steps = Repeat<3, Sequential<ActNorm, InvConv1x1, Layer>>;
  const auto gradients = [&]<class Spec>(std::type_identity<Spec>) {
    torch::nn::Module module;
    const bound_t<Spec, B, In, F> layer{Scope<B>(module, 1)};
    testing::perturb<B>(module, 1, 0.2);
    testing::mark_initialised<B>(module);
    const auto x = random_batch<In>(3, 1);
    const Maps<B, F> h{.data = {random_tensor({3, 2, 4, 4}, 2).requires_grad_()}};
    const auto out = layer.forward(x, h);
    (out.y.data.square().sum() + out.log_det.sum()).backward();
    std::vector<at::Tensor> all{h.data[0].grad()};
    for (const auto& p : module.parameters()) all.push_back(p.grad());
    return all;
  };
  const auto plain = gradients(std::type_identity<Steps>{}),
             rebuilt = gradients(std::type_identity<Reversible<Steps>>{});
  REQUIRE(plain.size() == rebuilt.size());
  for (std::size_t i = 0; i < plain.size(); ++i)
    CHECK(difference(plain[i], rebuilt[i]) < 1e-8 * std::max(1.0, largest(plain[i])));
}
