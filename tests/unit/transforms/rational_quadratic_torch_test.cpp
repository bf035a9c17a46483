#include "cnf/transforms/rational_quadratic.hpp"

#include "cnf/eigen.hpp"
#include "cnf/libtorch.hpp"
#include "support/doctest.hpp"
#include "support/random_tensor.hpp"

namespace {

using namespace cnf;
using B = libtorch::Backend;
using T = RationalQuadratic<5, Interval<-3, 2>>;

at::Tensor raw_for(const at::Tensor& x, std::uint64_t seed, double scale) {
  return random_tensor({x.size(0), T::per_channel * x.size(1), x.size(2), x.size(3)}, seed, scale);
}

/// Every bin's knots and slopes of one number, straight from the definition.
struct Knots {
  std::vector<double> x{-3}, y{-3}, slope{1};
  explicit Knots(const std::vector<double>& raw) {
    const auto shares = [&](std::size_t first, std::vector<double>& knots) {
      double sum = 0;
      for (std::size_t k = 0; k < 5; ++k) sum += std::exp(raw[first + k]);
      for (std::size_t k = 0; k < 5; ++k)
        knots.push_back(knots.back() + 5 * (1e-3 + (1 - 5e-3) * std::exp(raw[first + k]) / sum));
    };
    shares(0, x);
    shares(5, y);
    for (std::size_t k = 0; k < 4; ++k)
      slope.push_back(1e-3 + std::log1p(std::exp(raw[10 + k]) * std::expm1(1 - 1e-3)));
    slope.push_back(1);
  }
};

}  // namespace

TEST_CASE("a rational-quadratic spline goes through its knots with its slopes, and is the identity outside") {
  const auto raw = random_tensor({1, T::per_channel, 1, 1}, 1, 1.5);
  const Knots knots(B::to_host(raw));
  const auto at_number = [&](double x) {
    const auto r = T::forward<B>(at::full({1, 1, 1, 1}, x, at::kDouble), raw);
    return std::pair(r.y.item<double>(), r.log_slope.item<double>());
  };
  for (std::size_t k = 0; k < 6; ++k) {
    const double inward = k == 5 ? -1e-9 : 1e-9;
    const auto [y, log_slope] = at_number(knots.x[k] + inward);
    CHECK(y == doctest::Approx(knots.y[k]).epsilon(1e-7));
    CHECK(std::exp(log_slope) == doctest::Approx(knots.slope[k]).epsilon(1e-5));
  }
  for (const double x : {-1e30, -3.5, -3.0, 2.0, 7.0, 1e30}) {
    const auto [y, log_slope] = at_number(x);
    CHECK(y == x);
    CHECK(log_slope == 0);
  }
}

TEST_CASE("a spline of zeros is the identity") {
  const auto x = random_tensor({4, 3, 2, 2}, 1, 2);
  const auto r = T::forward<B>(x, at::zeros({1, 3 * T::per_channel, 1, 1}, at::kDouble));
  CHECK(difference(r.y, x) < 1e-13);
  CHECK(largest(r.log_slope) < 1e-13);
}

TEST_CASE("a spline's slope is its derivative, and its inverse is exact, for wild parameters too") {
  for (const double scale : {0.3, 3.0, 30.0}) {
    CAPTURE(scale);
    const auto x = random_tensor({8, 3, 4, 4}, 2, 2).requires_grad_();
    const auto raw = raw_for(x, 3, scale);
    const auto r = T::forward<B>(x, raw);
    const auto slope = torch::autograd::grad({r.y.sum()}, {x})[0];
    CHECK(difference(r.log_slope, slope.log()) < 1e-8);
    CHECK(slope.min().item<double>() > 0);
    const at::NoGradGuard no_grad;
    CHECK(difference(T::inverse<B>(r.y, raw), x) < 1e-9 * std::max(1.0, scale * scale));
  }
}

TEST_CASE("a spline's slope is bounded whatever its parameters, on both backends") {
  using E = eigen::Backend<double>;
  auto raw = at::zeros({1, T::per_channel, 1, 1}, at::kDouble);
  raw.narrow(1, 10, 4).fill_(1e7);
  const Knots knots(B::to_host(raw));
  const auto x =
      at::tensor({knots.x[1], knots.x[2], knots.x[3], knots.x[4]}, at::kDouble).view({1, 1, 1, 4}) + 1e-12;
  const auto r = T::forward<B>(x, raw);
  CHECK(difference(r.log_slope, at::full_like(x, std::log(1e3))) < 1e-6);
  const auto on_eigen = [](const at::Tensor& t) {
    return E::from_host(B::to_host(t), {t.size(0), t.size(1), t.size(2), t.size(3)}, 0);
  };
  const auto e = T::forward<E>(on_eigen(x), on_eigen(raw));
  CHECK(difference(r.log_slope, at::tensor(E::to_host(e.log_slope), at::kDouble).view(x.sizes())) < 1e-10);
  CHECK(difference(T::inverse<B>(r.y, raw), x) < 1e-12);
}

TEST_CASE_TEMPLATE("gradients of a spline are finite at borders, on knots and far outside", Number, float,
                   double) {
  const auto type = sizeof(Number) == 8 ? at::kDouble : at::kFloat;
  const double little = sizeof(Number) == 8 ? 1e-15 : 3e-7;
  for (const double scale : {3.0, 30.0})
    for (const long shared : {0L, 1L}) {  // parameters of each number, or of all
      CAPTURE(scale);
      CAPTURE(shared);
      const auto one = random_tensor({1, T::per_channel, 1, 1}, 4, scale).to(type);
      const auto raw = (shared ? one : one.repeat({1, 1, 1, 9})).requires_grad_();
      const Knots knots(B::to_host(one));
      const auto x = at::tensor({-1e30, -3.0, -3.0 + little, knots.x[1], knots.x[2], knots.x[4], 2.0 - little,
                                 2.0, 1e30},
                                at::kDouble)
                         .view({1, 1, 1, 9})
                         .to(type)
                         .requires_grad_();
      for (const bool inverse : {false, true}) {
        at::Tensor sum;
        if (inverse) {
          sum = T::inverse<B>(x, raw).sum();
        } else {
          const auto r = T::forward<B>(x, raw);
          sum = r.y.sum() + r.log_slope.sum();
        }
        for (const auto& g : torch::autograd::grad({sum}, {x, raw}))
          CHECK(at::isfinite(g).all().item<bool>());
      }
    }
}

TEST_CASE_TEMPLATE("Eigen's spline is LibTorch's, with parameters for each number or for all", Number, float,
                   double) {
  using E = eigen::Backend<Number>;
  const double bound = sizeof(Number) == 8 ? 1e-10 : 2e-4;
  const auto to_eigen = [](const at::Tensor& t) {
    return E::from_host(B::to_host(t), {t.size(0), t.size(1), t.size(2), t.size(3)}, 0);
  };
  const auto x = random_tensor({3, 2, 4, 5}, 5, 2);
  for (const auto& raw : {raw_for(x, 6, 1), random_tensor({1, 2 * T::per_channel, 1, 1}, 7)}) {
    const auto r = T::forward<B>(x, raw);
    const auto e = T::forward<E>(to_eigen(x), to_eigen(raw));
    const auto apart = [](const at::Tensor& t, const auto& tensor) {
      return difference(t, at::tensor(E::to_host(tensor), at::kDouble).view(t.sizes()));
    };
    CHECK(apart(r.y, e.y) < bound);
    CHECK(apart(r.log_slope, e.log_slope) < 10 * bound);
    CHECK(apart(x, T::inverse<E>(e.y, to_eigen(raw))) < 10 * bound);
  }
}
