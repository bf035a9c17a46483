#include "cnf/densities/discretized_logistic.hpp"

#include <numbers>

#include "cnf/eigen.hpp"
#include "support/doctest.hpp"
#include "support/random_tensor.hpp"

namespace {

struct Torch64 : cnf::libtorch::Backend {
  static constexpr auto dtype = at::kDouble;
};
struct Torch32 : cnf::libtorch::Backend {
  static constexpr auto dtype = at::kFloat;
};
struct Eigen64 : cnf::eigen::Backend<double> {
  static constexpr auto dtype = at::kDouble;
};
struct Eigen32 : cnf::eigen::Backend<float> {
  static constexpr auto dtype = at::kFloat;
};

/// log P(k) in nats for every k, by backend B.
template <class B, int Bits = 8>
std::vector<double> log_probs(const std::vector<double>& k, double mu, double s) {
  const long n = long(k.size());
  const auto tensor = [&](const std::vector<double>& values) {
    return B::from_host(values, {1, 1, 1, n}, at::empty({0}, B::dtype));
  };
  return B::to_host(
      cnf::discretized_logistic_log_prob<B, Bits>(tensor(k), tensor(std::vector<double>(k.size(), mu)),
                                                  tensor(std::vector<double>(k.size(), std::log(s)))));
}

template <class B>
double bits(double k, double mu, double s) {
  return -log_probs<B>({k}, mu, s)[0] / std::numbers::ln2;
}

template <class B, int Bits = 8>
double total(double mu, double s) {
  std::vector<double> k;
  for (int i = 0; i < 1 << Bits; ++i) k.push_back(i);
  double sum = 0;
  for (const double log_p : log_probs<B, Bits>(k, mu, s)) sum += std::exp(log_p);
  return sum;
}

const std::vector<double> means{-5, -0.1, 0, 0.02, 1.0 / 512, 0.5, 0.7311, 255.0 / 256, 1, 1.3, 6};
const std::vector<double> scales{5.5e-4, 1e-3, 0.01, 0.05, 0.3, 1, 12};

}  // namespace

TEST_CASE_TEMPLATE("discretized logistic: golden values in bits", B, Torch64, Eigen64) {
  const auto near = [](double expected) { return doctest::Approx(expected).epsilon(1e-6 / (1 + expected)); };
  CHECK(bits<B>(128, .5, .05) == near(5.678255));
  CHECK(bits<B>(0, .5, .05) == near(14.370663));
  CHECK(bits<B>(255, .5, .05) == near(14.257958));
  CHECK(bits<B>(0, .02, .01) == near(2.823356));
  CHECK(bits<B>(130, .5, .001) == near(8.486801));
}

TEST_CASE_TEMPLATE("discretized logistic: sums to 1 over k for every mean and scale", B, Torch64, Eigen64) {
  for (const double mu : means)
    for (const double s : scales) {
      CAPTURE(mu);
      CAPTURE(s);
      CHECK(total<B>(mu, s) == doctest::Approx(1).epsilon(1e-10));
      CHECK(total<B, 1>(mu, s) == doctest::Approx(1).epsilon(1e-10));
      CHECK(total<B, 5>(mu, s) == doctest::Approx(1).epsilon(1e-10));
    }
}

TEST_CASE_TEMPLATE("discretized logistic: in float it is finite, sums to 1 and is near the double", B,
                   Torch32, Eigen32) {
  const std::vector<double> k{0, 1, 2, 100, 127, 128, 130, 253, 254, 255};
  for (const double mu : means)
    for (const double s : scales) {
      CAPTURE(mu);
      CAPTURE(s);
      CHECK(total<B>(mu, s) == doctest::Approx(1).epsilon(2e-3));
      const auto in_float = log_probs<B>(k, mu, s), in_double = log_probs<Torch64>(k, mu, s);
      for (std::size_t i = 0; i < k.size(); ++i) {
        CAPTURE(k[i]);
        REQUIRE(std::isfinite(in_float[i]));
        CHECK(in_float[i] <= 0);
        // a mean is known to 6e-8, in units of the scale
        CHECK(std::abs(in_float[i] - in_double[i]) <
              1e-5 * (1 + std::abs(in_double[i])) + 6e-7 * (1 + std::abs(mu)) / s);
      }
    }
}

TEST_CASE("discretized logistic: its gradient is finite in every bin, also at the open ends") {
  const auto k = at::tensor({0.0, 1.0, 128.0, 254.0, 255.0}, at::kDouble).view({1, 1, 1, 5});
  for (const double s : scales) {
    CAPTURE(s);
    const auto mu = at::full({1, 1, 1, 5}, 0.3, at::kDouble).requires_grad_();
    const auto log_s = at::full({1, 1, 1, 5}, std::log(s), at::kDouble).requires_grad_();
    cnf::discretized_logistic_log_prob<cnf::libtorch::Backend>(k, mu, log_s).sum().backward();
    CHECK(at::isfinite(mu.grad()).all().item<bool>());
    CHECK(at::isfinite(log_s.grad()).all().item<bool>());
    // a larger mean makes the last bin likelier and the first one less likely
    CHECK(mu.grad().flatten()[4].item<double>() > 0);
    CHECK(mu.grad().flatten()[0].item<double>() < 0);
  }
}
