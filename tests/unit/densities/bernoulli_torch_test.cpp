#include "cnf/densities/bernoulli.hpp"

#include "cnf/libtorch.hpp"
#include "support/doctest.hpp"
#include "support/random_tensor.hpp"

namespace {

using namespace cnf;
using B = libtorch::Backend;

const at::Tensor logits = at::tensor({-100.0, -20.0, -3.0, -0.5, 0.0, 0.5, 3.0, 20.0, 100.0}, at::kDouble);

}  // namespace

TEST_CASE("Bernoulli: log-probabilities of both values sum to one, and stay finite at logits of +-100") {
  const auto one = bernoulli_log_prob<B>(at::ones_like(logits), logits);
  const auto zero = bernoulli_log_prob<B>(at::zeros_like(logits), logits);
  CHECK(difference(one.exp() + zero.exp(), at::ones_like(logits)) < 1e-15);
  CHECK(one[0].item<double>() == doctest::Approx(-100).epsilon(1e-12));
  CHECK(zero[8].item<double>() == doctest::Approx(-100).epsilon(1e-12));
  CHECK(one[6].item<double>() == doctest::Approx(-0.04858735157374205).epsilon(1e-12));  // -log(1 + e^-3)
  CHECK(one[8].item<double>() == doctest::Approx(-std::exp(-100.0)).epsilon(1e-9));
  CHECK(difference(Bernoulli::loss<B>(at::ones_like(logits), logits), -one) == 0);
}

TEST_CASE("weighted Bernoulli is equation 9 with its normaliser") {
  using W = WeightedBernoulli<90, 10>;
  const auto moderate = logits.narrow(0, 2, 5);
  const auto p = at::sigmoid(moderate);
  const auto vessel = at::pow(p, 0.9), background = at::pow(1 - p, 0.1);
  const auto expected = at::log(vessel / (vessel + background));
  const auto l = W::logit<B>(moderate);
  CHECK(difference(bernoulli_log_prob<B>(at::ones_like(l), l), expected) < 1e-13);
  CHECK(difference(bernoulli_log_prob<B>(at::zeros_like(l), l), at::log(background / (vessel + background))) <
        1e-13);

  // far out: log p = -100 and log(1 - p) = 0 give a - b = -90, and +10 on the other side
  const auto far = W::logit<B>(logits);
  CHECK(far[0].item<double>() == doctest::Approx(-90).epsilon(1e-12));
  CHECK(far[8].item<double>() == doctest::Approx(10).epsilon(1e-12));
  // the literal exponents are the other way round
  CHECK(WeightedBernoulli<10, 90>::logit<B>(logits)[0].item<double>() == doctest::Approx(-10).epsilon(1e-12));
}

TEST_CASE(
    "weighted cross-entropy is what training minimises: no normaliser, vessels weigh nine times as much") {
  using W = WeightedBernoulli<90, 10>;
  const auto y = at::remainder(at::arange(9), 2).to(at::kDouble);
  const auto expected = -(0.9 * y * at::log_sigmoid(logits) + 0.1 * (1 - y) * at::log_sigmoid(-logits));
  CHECK(difference(W::loss<B>(y, logits), expected) < 1e-13);
}
