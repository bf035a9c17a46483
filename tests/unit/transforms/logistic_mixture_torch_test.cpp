#include "cnf/transforms/logistic_mixture.hpp"

#include "cnf/eigen.hpp"
#include "cnf/libtorch.hpp"
#include "support/doctest.hpp"
#include "support/random_tensor.hpp"

namespace {

using namespace cnf;
using B = libtorch::Backend;
using T = LogisticMixture<3>;

at::Tensor raw_for(const at::Tensor& x, std::uint64_t seed, double scale) {
  return random_tensor({x.size(0), T::per_channel * x.size(1), x.size(2), x.size(3)}, seed, scale);
}

/// Largest difference, relative where numbers are larger than 1.
double apart(const at::Tensor& a, const at::Tensor& b) {
  return largest((a.to(at::kDouble) - b.to(at::kDouble)) / b.to(at::kDouble).abs().clamp_min(1));
}

}  // namespace

TEST_CASE("a mixture of logistics is exp(a) logit(sum p sig((x - m) / s)) + b") {
  const auto x = random_tensor({2, 1, 3, 3}, 1, 3);
  const auto raw = raw_for(x, 2, 1);
  const auto part = [&](int i) { return raw.narrow(1, i, 1); };
  const auto p = at::softmax(raw.narrow(1, 0, 3), 1);
  at::Tensor f = at::zeros_like(x);
  for (int i = 0; i < 3; ++i)
    f = f + p.narrow(1, i, 1) *
                at::sigmoid((x - part(3 + i) - (2 * i - 2)) / at::exp(3 * at::tanh(part(6 + i) / 3)));
  const auto y = at::exp(2 * at::tanh(part(9) / 2)) * (f / (1 - f)).log() + part(10);
  CHECK(apart(T::forward<B>(x, raw).y, y) < 1e-9);
}

TEST_CASE("a mixture's slope is its derivative, far in its tails too") {
  const auto x =
      at::cat({random_tensor({4, 2, 4, 4}, 1, 3), random_tensor({4, 2, 4, 4}, 2, 1e4)}).requires_grad_();
  const auto raw = raw_for(x, 3, 2);
  const auto r = T::forward<B>(x, raw);
  const auto slope = torch::autograd::grad({r.y.sum()}, {x})[0];
  CHECK(difference(r.log_slope, slope.log()) < 1e-7);
  CHECK(at::isfinite(r.y).all().item<bool>());
}

TEST_CASE_TEMPLATE("a mixture is inverted to 1e-6 in float and 1e-12 in double, on both backends", Number,
                   float, double) {
  using E = eigen::Backend<Number>;
  const auto type = sizeof(Number) == 8 ? at::kDouble : at::kFloat;
  // what rounding of y alone costs where the map is flat: y / slope
  const double bound = sizeof(Number) == 8 ? 1e-12 : 1e-6;
  const auto to_eigen = [](const at::Tensor& t) {
    return E::from_host(B::to_host(t), {t.size(0), t.size(1), t.size(2), t.size(3)}, 0);
  };
  for (const double scale : {0.1, 1.0, 4.0}) {
    CAPTURE(scale);
    const auto x = random_tensor({16, 2, 5, 5}, 1, 3).to(type);
    const auto raw = raw_for(x, 2, scale).to(type);
    const auto r = T::forward<B>(x, raw);
    const auto conditioning = ((r.y.abs() + 10) * at::exp(-r.log_slope)).clamp_min(1).to(at::kDouble);
    const auto off = [&](const at::Tensor& again) {
      return largest((again.to(at::kDouble) - x.to(at::kDouble)) / x.to(at::kDouble).abs().clamp_min(1) /
                     conditioning);
    };
    CHECK(off(T::inverse<B>(r.y, raw)) < bound);
    if (scale < (sizeof(Number) == 8 ? 2 : 0.5)) CHECK(apart(T::inverse<B>(r.y, raw), x) < bound);
    const auto again = T::inverse<E>(to_eigen(r.y), to_eigen(raw));
    CHECK(off(at::tensor(E::to_host(again), at::kDouble).view(x.sizes())) < bound);
    const auto e = T::forward<E>(to_eigen(x), to_eigen(raw));
    CHECK(apart(at::tensor(E::to_host(e.y), at::kDouble).view(x.sizes()), r.y) < 20 * bound);
    CHECK(apart(at::tensor(E::to_host(e.log_slope), at::kDouble).view(x.sizes()), r.log_slope) < 20 * bound);
  }
}

TEST_CASE("a mixture's inverse has the gradient of the inverse function") {
  const auto x = random_tensor({4, 2, 3, 3}, 1, 2);
  const auto raw = raw_for(x, 2, 1);
  const auto y = T::forward<B>(x, raw).y.detach().requires_grad_();
  const auto leaf = raw.clone().requires_grad_();
  const auto weights = random_tensor(x.sizes(), 3), direction = random_tensor(raw.sizes(), 4);
  const auto gradients = torch::autograd::grad({(T::inverse<B>(y, leaf) * weights).sum()}, {y, leaf});
  CHECK(apart(gradients[0], weights * at::exp(-T::forward<B>(x, raw).log_slope)) < 1e-9);
  const at::NoGradGuard no_grad;
  const auto along = [&](double step) {
    return (T::inverse<B>(y, raw + step * direction) * weights).sum().item<double>();
  };
  const double slope = (gradients[1] * direction).sum().item<double>(), h = 1e-5;
  CHECK(slope == doctest::Approx((along(h) - along(-h)) / (2 * h)).epsilon(1e-6));
}

TEST_CASE("components of a new mixture differ, so that training can tell them apart") {
  const auto x = random_tensor({8, 1, 1, 1}, 1);
  const auto raw = at::zeros({8, T::per_channel, 1, 1}, at::kDouble).requires_grad_();
  const auto r = T::forward<B>(x, raw);
  CHECK(largest(r.log_slope) < 1);
  const auto g = torch::autograd::grad({r.y.square().sum()}, {raw})[0];
  CHECK(difference(g.narrow(1, 3, 1), g.narrow(1, 4, 1)) > 1e-3);
}
