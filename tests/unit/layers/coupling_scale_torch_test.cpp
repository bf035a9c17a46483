#include "cnf/layers/coupling_scale.hpp"

#include "cnf/eigen.hpp"
#include "support/doctest.hpp"
#include "support/random_tensor.hpp"

namespace {

using Torch = cnf::libtorch::Backend;
using Eigen64 = cnf::eigen::Backend<double>;

const std::vector<double> raw{-800, -30, -3, -0.5, 0, 0.5, 3, 30, 700};

template <class Scale, class B>
std::vector<double> log_scale() {
  const auto x = B::from_host(raw, {1, 1, 3, 3}, at::empty({0}, at::kDouble));
  return B::to_host(Scale::template log_scale<B>(x));
}

template <class Scale>
void agrees_with(double (*log_s)(double)) {
  CAPTURE(Scale::describe());
  const auto on_torch = log_scale<Scale, Torch>(), on_eigen = log_scale<Scale, Eigen64>();
  for (std::size_t i = 0; i < raw.size(); ++i) {
    CAPTURE(raw[i]);
    const double expected = log_s(raw[i]);
    if (std::isfinite(expected)) {
      CHECK(on_torch[i] == doctest::Approx(expected).epsilon(1e-12));
      CHECK(on_eigen[i] == doctest::Approx(expected).epsilon(1e-12));
    }
  }
}

}  // namespace

TEST_CASE("scales are the functions that their names say") {
  agrees_with<cnf::TanhScale>([](double r) { return 2 * std::tanh(r / 2); });
  agrees_with<cnf::BoundedScale<5>>([](double r) { return 5 * std::tanh(r / 5); });
  agrees_with<cnf::SigmoidScale>(
      [](double r) { return r < -2 ? r + 2 - std::log1p(std::exp(r + 2)) : -std::log1p(std::exp(-r - 2)); });
  agrees_with<cnf::SoftplusScale>([](double r) {
    return r > 600 ? std::log(r + std::log(std::exp(1.0) - 1))
                   : std::log(std::log1p(std::exp(r) * (std::exp(1.0) - 1)));
  });
  agrees_with<cnf::ExpScale>([](double r) { return r; });
}

TEST_CASE("scales start at the identity, or nearly") {
  CHECK(log_scale<cnf::TanhScale, Torch>()[4] == 0);
  CHECK(log_scale<cnf::ExpScale, Torch>()[4] == 0);
  CHECK(std::abs(log_scale<cnf::SoftplusScale, Torch>()[4]) < 1e-15);
  CHECK(log_scale<cnf::SigmoidScale, Torch>()[4] == doctest::Approx(-0.126928));  // s = 0.88
}

TEST_CASE("the default scale is bounded both ways") {
  for (const double log_s : log_scale<cnf::TanhScale, Torch>()) CHECK(std::abs(log_s) <= 2);
  for (const double log_s : log_scale<cnf::BoundedScale<1>, Torch>()) CHECK(std::abs(log_s) <= 1);
  for (const double log_s : log_scale<cnf::SigmoidScale, Torch>()) CHECK(log_s <= 0);
}
