#include "cnf/densities/diagonal_gaussian.hpp"

#include "cnf/eigen.hpp"
#include "support/doctest.hpp"
#include "support/random_tensor.hpp"

namespace {

using Torch = cnf::libtorch::Backend;
using Eigen64 = cnf::eigen::Backend<double>;

template <class B>
typename B::Tensor tensor(const std::vector<double>& values, const std::array<long, 4>& sizes) {
  return B::from_host(values, sizes, at::empty({0}, at::kDouble));
}

}  // namespace

TEST_CASE_TEMPLATE("standard normal: known values, per sample", B, Torch, Eigen64) {
  const auto log_p = B::to_host(cnf::standard_normal_log_density<B>(tensor<B>({0, 0, 1, -2}, {2, 2, 1, 1})));
  REQUIRE(log_p.size() == 2);
  CHECK(log_p[0] == doctest::Approx(-1.8378770664093453).epsilon(1e-15));        // -log 2 pi
  CHECK(log_p[1] == doctest::Approx(-1.8378770664093453 - 2.5).epsilon(1e-15));  // - (1 + 4)/2
}

TEST_CASE_TEMPLATE("the whitened density integrates to 1 over z", B, Torch, Eigen64) {
  // one channel: mu = 0.7, raw log-sigma as given
  for (const double raw : {-100.0, -2.0, 0.0, 0.5, 100.0}) {
    CAPTURE(raw);
    const double sigma = std::exp(3 * std::tanh(raw / 3));
    constexpr long points = 4001;
    std::vector<double> z(points), parameters;
    for (std::size_t i = 0; i < std::size_t(points); ++i) {
      z[i] = 0.7 + sigma * 10 * (double(i) / (points - 1) * 2 - 1);  // mu +- 10 sigma
      parameters.insert(parameters.end(), {0.7, raw});
    }
    const cnf::detail::Whitening<B> prior{tensor<B>(parameters, {points, 2, 1, 1})};
    const auto batch = tensor<B>(z, {points, 1, 1, 1});
    const auto [kept, e, log_det] = prior.whiten(batch, 0);
    const auto log_p = B::to_host(cnf::standard_normal_log_density<B>(e) + log_det);
    double integral = 0;
    for (const double l : log_p) integral += std::exp(l) * 20 * sigma / (points - 1);
    CHECK(integral == doctest::Approx(1).epsilon(1e-9));

    const auto again = B::to_host(prior.colour(nullptr, e));
    for (std::size_t i = 0; i < z.size(); i += 100) CHECK(again[i] == doctest::Approx(z[i]).epsilon(1e-12));
  }
}
