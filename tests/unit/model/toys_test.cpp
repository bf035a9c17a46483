// Conditional densities whose entropy is known: a flow trained for seconds must reach it, and can't beat it.
#include "cnf/model/model.hpp"
#include "support/doctest.hpp"
#include "support/models.hpp"
#include "support/random_tensor.hpp"
#include "support/train.hpp"

namespace {

using namespace cnf;

constexpr double log_two_pi_e = 2.8378770664093453;

/// y = A x + noise of covariance L L^T; two dimensions each.
struct LinearGaussian {
  at::Tensor a = at::tensor({1.0, -0.5, 0.3, 2.0}, at::kDouble).view({2, 2});
  at::Tensor l = at::tensor({0.5, 0.0, 0.4, 0.2}, at::kDouble).view({2, 2});

  Pairs draw(long n, std::uint64_t seed) const {
    const auto x = random_tensor({n, 2}, 2 * seed), e = random_tensor({n, 2}, 2 * seed + 1);
    const auto y = x.matmul(a.t()) + e.matmul(l.t());
    return {x.view({n, 2, 1, 1}), y.view({n, 2, 1, 1})};
  }
  double entropy() const { return log_two_pi_e + std::log(0.5 * 0.2); }
  at::Tensor log_density(const Pairs& p) const {
    const auto residual = p.y.flatten(1) - p.x.flatten(1).matmul(a.t());
    const auto e = residual.matmul(at::inverse(l).t());
    return -0.5 * e.square().sum(1) - std::log(0.5 * 0.2) - std::log(2 * std::numbers::pi);
  }
};

/// y0 = +-(1 + x) + noise, x uniform on (0, 1), the sign positive with probability 0.7; y1 is noise that says
/// nothing.
struct Bimodal {
  static constexpr double spread = 0.25, positive = 0.7;

  Pairs draw(long n, std::uint64_t seed) const {
    const auto x = models::uniform_integers({n, 1, 1, 1}, 3 * seed, 1 << 20) / double(1 << 20);
    const auto coin = models::uniform_integers({n, 1, 1, 1}, 3 * seed + 1, 1 << 20) / double(1 << 20);
    const auto sign = (coin < positive).to(at::kDouble) * 2 - 1;
    const auto e = random_tensor({n, 2, 1, 1}, 3 * seed + 2);
    return {x, at::cat({sign * (1 + x) + spread * e.narrow(1, 0, 1), e.narrow(1, 1, 1)}, 1)};
  }
  /// The modes are 8 or more deviations apart: their overlap is nothing.
  double entropy() const {
    return log_two_pi_e + std::log(spread) - positive * std::log(positive) -
           (1 - positive) * std::log(1 - positive);
  }
  at::Tensor log_density(const Pairs& p) const {
    const auto y0 = p.y.select(1, 0).flatten(), y1 = p.y.select(1, 1).flatten(), x = p.x.flatten();
    const auto mode = [&](double sign, double weight) {
      return std::log(weight / spread) - 0.5 * ((y0 - sign * (1 + x)) / spread).square();
    };
    return at::logaddexp(mode(1, positive), mode(-1, 1 - positive)) - 0.5 * y1.square() -
           std::log(2 * std::numbers::pi);
  }
};

struct Reached {
  double entropy;        // as the model has it
  double true_entropy;   // in closed form
  double excess, error;  // E[log p_true - log p_model], and its standard error: never below zero
};

template <class Model, class Toy>
Reached measure(const Model& model, const Toy& toy) {
  const at::NoGradGuard no_grad;
  const OneThread one_thread;
  const auto test = toy.draw(20'000, 1'000'000);
  const auto excess = estimate(toy.log_density(test) - model.given(test.x).log_prob(test.y).to(at::kDouble));
  return {toy.entropy() + excess.mean, toy.entropy(), excess.mean, excess.error};
}

}  // namespace

TEST_CASE("the toys' densities have the entropies they say") {
  const auto check = [](const auto& toy) {
    const auto [mean, error] = estimate(-toy.log_density(toy.draw(50'000, 5)));
    CHECK(std::abs(mean - toy.entropy()) < 4 * error);
  };
  check(LinearGaussian{});
  check(Bimodal{});
}

TEST_CASE("a linear-Gaussian conditional reaches its closed-form likelihood") {
  const LinearGaussian toy;
  libtorch::Model<models::Vector<2, 2, 2, 16>> model({.seed = 1});
  const auto batch = [&](int step) { return toy.draw(256, std::uint64_t(step + 1)); };
  train(model, 400, 1e-2, batch);
  const auto reached = measure(model, toy);
  CAPTURE(reached.excess);
  CAPTURE(reached.error);
  CHECK(reached.excess < 2 * 0.02);
  CHECK(reached.excess > -3 * reached.error);

  // and its samples have the mean A x and the covariance L L^T
  const auto x = at::tensor({0.5, -1.0}, at::kDouble);
  const auto s =
      model.given(x.view({1, 2, 1, 1})).sample({.count = 20'000, .seed = 1}).to(at::kDouble).flatten(1);
  CHECK(difference(s.mean(0), toy.a.matmul(x)) < 0.05);
  CHECK(difference(at::cov(s.t()), toy.l.matmul(toy.l.t())) < 0.05);
}

TEST_CASE("a bimodal conditional reaches its entropy, and its samples have both modes") {
  const Bimodal toy;
  libtorch::Model<models::Vector<2, 1, 6, 32>> model({.seed = 1});
  train(model, 600, 5e-3, [&](int step) { return toy.draw(256, std::uint64_t(step + 1)); });
  const auto reached = measure(model, toy);
  CAPTURE(reached.excess);
  CAPTURE(reached.error);
  CHECK(reached.excess < 0.05);
  CHECK(reached.excess > -3 * reached.error);

  for (const double x : {0.1, 0.9}) {
    const long n = 10'000;
    const auto s = model.given(at::full({1, 1, 1, 1}, x)).sample({.count = n, .seed = 1}).select(1, 0);
    const auto share = [&](double mode) {
      return ((s - mode).abs() < 3 * Bimodal::spread).to(at::kDouble).mean().template item<double>();
    };
    CAPTURE(x);
    CHECK(std::abs(share(1 + x) - Bimodal::positive) < 0.05);
    CHECK(std::abs(share(-1 - x) - (1 - Bimodal::positive)) < 0.05);
    CHECK(share(1 + x) + share(-1 - x) > 0.97);
  }
}
