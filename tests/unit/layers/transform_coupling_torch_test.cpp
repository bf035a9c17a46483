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

namespace {

template <class Spec>
struct Mixed {
  using In = Shape<4, 4, 4>;
  using F = Features<Shape<2, 4, 4>>;
  torch::nn::Module module;
  bound_t<Spec, B, In, F> layer{Scope<B>(module, 1)};
  Batch<B, In> x;
  Maps<B, F> h;

  Mixed(at::ScalarType type, double deviation) {
    testing::perturb<B>(module, 1, deviation);
    testing::mark_initialised<B>(module);
    B::place(module, {.dtype = type});
    x = Batch<B, In>(random_batch<In>(3, 1).data.to(type));
    h.data[0] = random_tensor({3, 2, 4, 4}, 2).to(type).requires_grad_();
  }

  std::vector<at::Tensor> gradients() {
    const auto out = layer.forward(x, h);
    (out.y.data.square().sum() + B::sum(out.y.data).sum() + out.log_det.sum()).backward();
    std::vector<at::Tensor> all{h.data[0].grad()};
    for (const auto& p : module.parameters()) all.push_back(p.grad());
    return all;
  }

  /// How far inverse(forward(x)) is from x.
  double round_trip() {
    const at::NoGradGuard no_grad;
    const auto out = layer.forward(x, h);
    return difference(layer.inverse(out.y, out.latents, h).data, x.data);
  }
};

template <class Layer>
using Steps = Repeat<3, Sequential<ActNorm, InvConv1x1, Layer>>;
using Others = Sequential<ActNorm, Orthogonal1x1<>, CheckerboardCoupling<ConvNet<8>>, Swap,
                          CheckerboardCoupling<ConvNet<8>, 1, RationalQuadratic<4>>, Spline<5>, Mixture<2>>;

template <class Spec>
void check_rebuilt(double deviation, at::ScalarType type, double gradient_bound, double round_trip_bound) {
  const auto plain = Mixed<Spec>(type, deviation).gradients(),
             rebuilt = Mixed<Reversible<Spec>>(type, deviation).gradients();
  REQUIRE(plain.size() == rebuilt.size());
  for (std::size_t i = 0; i < plain.size(); ++i)
    CHECK(difference(plain[i], rebuilt[i]) < gradient_bound * std::max(1.0, largest(plain[i])));
  CHECK(Mixed<Reversible<Spec>>(type, deviation).round_trip() < round_trip_bound);
}

}  // namespace

TEST_CASE_TEMPLATE("Reversible rebuilds them, in float and in double: the same gradients", Layer,
                   SplineCoupling<ConvNet<8>>, MixtureCoupling<ConvNet<8>>, Others) {
  // a chain of many kinds is worse conditioned: nearer to the identity
  const double deviation = std::is_same_v<Layer, Others> ? 0.05 : 0.2;
  check_rebuilt<Steps<Layer>>(deviation, at::kDouble, 1e-8, 1e-11);
  check_rebuilt<Steps<Layer>>(deviation, at::kFloat, 1e-2, 1e-3);
}
