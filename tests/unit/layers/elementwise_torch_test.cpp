#include "cnf/layers/elementwise.hpp"

#include "cnf/testing/check_layer.hpp"
#include "support/doctest.hpp"
#include "support/random_tensor.hpp"

namespace {

using namespace cnf;
using B = libtorch::Backend;

/// A layer on one sample of numbers, after `before` of the same numbers.
template <class Spec>
Forward<B, Spec, Shape<3>, Features<>> forward(const at::Tensor& x) {
  torch::nn::Module module;
  const bound_t<Spec, B, Shape<3>, Features<>> layer{Scope<B>(module, 1)};
  return layer.forward(Batch<B, Shape<3>>(x), {});
}

}  // namespace

TEST_CASE("elementwise layers keep the layer contract") {
  using testing::check_layer;
  for (const auto& report :
       {check_layer<Spline<>, Shape<3, 2, 2>>({.perturbation = 1}),
        check_layer<Spline<4, Interval<0, 3>>, Shape<5>>({.perturbation = 1}),
        check_layer<Mixture<>, Shape<3, 2, 2>>({.perturbation = 0.5}), check_layer<Mixture<2>, Shape<1>>(),
        // Logit's numbers of (0, 1) by the layer before; Sigmoid's alone have no inverse outside
        check_layer<Sequential<Sigmoid, Logit<>>, Shape<3, 2, 2>, Features<Shape<1, 2, 2>>>(),
        check_layer<Sequential<Sigmoid, Logit<50>>, Shape<4>>()})
    CHECK_MESSAGE(report.ok(), report.text());
}

TEST_CASE("Logit and Sigmoid are each other's inverse, with log-dets that cancel") {
  const auto x = at::tensor({-30.0, 0.2, 12.0}, at::kDouble).view({1, 3, 1, 1});
  const auto s = forward<Sigmoid>(x);
  CHECK(difference(s.y.data, at::sigmoid(x)) < 1e-15);
  CHECK(s.log_det.item<double>() ==
        doctest::Approx((at::log_sigmoid(x) + at::log_sigmoid(-x)).sum().item<double>()));
  const auto l = forward<Logit<>>(s.y.data);
  CHECK(difference(l.y.data, x) < 1e-9);
  CHECK(l.log_det.item<double>() == doctest::Approx(-s.log_det.item<double>()).epsilon(1e-9));
}

TEST_CASE("Logit with a margin takes 0 and 1, and has the slope that differences have") {
  const auto x = at::tensor({0.0, 0.3, 1.0}, at::kDouble).view({1, 3, 1, 1});
  const auto y = forward<Logit<50>>(x);
  CHECK(difference(y.y.data, (0.05 + 0.9 * x).logit()) < 1e-12);
  const double h = 1e-6;
  const auto slope = (forward<Logit<50>>(x + h).y.data - forward<Logit<50>>(x - h).y.data) / (2 * h);
  CHECK(y.log_det.item<double>() == doctest::Approx(slope.log().sum().item<double>()).epsilon(1e-8));
  // outside there is nothing
  CHECK(!at::isfinite(forward<Logit<>>(x + 0.1).y.data).all().item<bool>());
}
