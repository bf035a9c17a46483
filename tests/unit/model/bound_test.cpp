// Likelihood bounds of discrete targets: never above the truth, tight where they can be, and importance
// weighting between.
#include "cnf/model/model.hpp"
#include "support/doctest.hpp"
#include "support/models.hpp"
#include "support/random_tensor.hpp"
#include "support/train.hpp"

namespace {

using namespace cnf;
using models::uniform_integers;

using Step = Sequential<InvConv1x1, AffineCoupling<ConvNet<6>>>;
using Flow = Sequential<Squeeze, Repeat<2, Step>, Prior>;
using Noise = Sequential<Squeeze, BasicPrior<ConvNet<6>>, Step, Unsqueeze>;
template <class Dequantizer>
using Mask2x2 = ConditionalFlow<Shape<1, 2, 2>, Shape<1>, Unconditional, Flow, Dequantizer>;

/// All 2^4 masks of 2x2 pixels, for an x that says nothing.
struct AllMasks {
  at::Tensor y = (at::arange(16).view({16, 1}).bitwise_right_shift(at::arange(4)).bitwise_and(1))
                     .view({16, 1, 2, 2})
                     .to(at::kDouble);
  at::Tensor x = at::zeros({1, 1, 1, 1}, at::kDouble);
};

template <class Spec>
struct Perturbed {
  libtorch::Model<Spec> model{{.seed = 1, .placement = {.dtype = at::kDouble}}};
  explicit Perturbed(double scale = 0.15) { cnf::testing::make_ready(model, scale, 2); }
};

/// E[log w] over many draws.
template <class Given>
at::Tensor mean_bound(const Given& given, const at::Tensor& y, int draws) {
  const at::NoGradGuard no_grad;
  auto sum = at::zeros({y.size(0)}, at::kDouble);
  for (int i = 0; i < draws; ++i) sum += given.log_prob(y, {.seed = std::uint64_t(i + 1)});
  return sum / draws;
}

/// Two pixels whose v is normal with correlation 0.8: a linear flow, and noise that is not learnt.
template <Distribution Base>
struct Orthant {
  using Spec =
      ConditionalFlow<Shape<2>, Shape<1>, Unconditional, Sequential<InvConv1x1>, Binary<Sequential<>, Base>>;
  static constexpr double truth = -0.92235;  // ln P(1, 1) = ln(1/4 + asin(0.8) / (2 pi))
  libtorch::Model<Spec> model{{.placement = {.dtype = at::kDouble}}};
  at::Tensor x = at::zeros({1, 1, 1, 1}, at::kDouble), both = at::ones({1, 2, 1, 1}, at::kDouble);

  Orthant() {
    const at::NoGradGuard no_grad;
    model.parameters()[0].copy_(at::tensor({1.0, 0.0, -0.8 / 0.6, 1 / 0.6}, at::kDouble).view({2, 2}));
    model.eval();
  }
};

/// A checkerboard of 8x8 or its complement, each pixel flipped with probability 0.05.
at::Tensor phases(long n, std::uint64_t seed) {
  const auto board = at::remainder(at::arange(8).view({8, 1}) + at::arange(8), 2);
  const auto phase = uniform_integers({n, 1, 1, 1}, 2 * seed, 2);
  const auto flip =
      (uniform_integers({n, 1, 8, 8}, 2 * seed + 1, 1 << 20) < 0.05 * (1 << 20)).to(at::kDouble);
  return at::remainder(board + phase + flip, 2).to(at::kFloat);
}

}  // namespace

TEST_CASE_TEMPLATE(
    "over all masks, exp of the bound sums to less than 1, and its importance-weighted estimate to 1", D,
    Binary<Noise>, Binary<Noise, Distribution::logistic>) {
  const OneThread one_thread;
  const at::NoGradGuard no_grad;
  const AllMasks all;
  const Perturbed<Mask2x2<D>> p;
  const auto given = p.model.given(all.x);
  const auto bound = mean_bound(given, all.y, 200);
  const double below = bound.exp().sum().template item<double>();
  CAPTURE(below);
  CHECK(below <= 1);
  CHECK(below > 0.1);  // a bound, not nonsense
  const auto estimate = given.log_prob(all.y, {.seed = 1, .draws = 10'000});
  const double sum = estimate.exp().sum().template item<double>();
  CAPTURE(sum);
  CHECK(sum > 0.9);
  CHECK(sum < 1.1);
  // no mask's bound is above its estimate, but for the noise of 200 draws
  CHECK((bound - estimate).max().template item<double>() < 0.1);
}

TEST_CASE("dequantizers into [0, 1) share out the part of the flow's density that lies there") {
  const OneThread one_thread;
  const at::NoGradGuard no_grad;
  const AllMasks all;
  const Perturbed<Mask2x2<Uniform<1>>> uniform(0.05);
  const Perturbed<Mask2x2<Variational<1, Noise>>> variational(0.05);
  for (const auto& p : uniform.model.named_parameters())
    variational.model.named_parameters()[p.key()].copy_(p.value());
  const auto sum = [&](const auto& model) {
    return model.given(all.x)
        .log_prob(all.y, {.seed = 1, .draws = 10'000})
        .exp()
        .sum()
        .template item<double>();
  };
  // the mass itself, by many points of the unit cube
  using Density = ConditionalFlow<Shape<1, 2, 2>, Shape<1>, Unconditional, Flow>;
  libtorch::Model<Density> density({.placement = {.dtype = at::kDouble}});
  density.eval();
  cnf::copy_parameters(uniform.model, density);
  const auto points = uniform_integers({1 << 18, 1, 2, 2}, 8, 1 << 20) / double(1 << 20);
  const double mass = density.given(all.x).log_prob(points).exp().mean().item<double>();
  CAPTURE(mass);
  CHECK(mass < 1);
  CHECK(sum(uniform.model) == doctest::Approx(mass).epsilon(0.03));
  CHECK(sum(variational.model) == doctest::Approx(mass).epsilon(0.06));
  CHECK(mean_bound(variational.model.given(all.x), all.y, 200).exp().sum().item<double>() < mass);
}

TEST_CASE_TEMPLATE("the orthant of a correlated normal: estimates reach ln P(1, 1), bounds stay below", Base,
                   std::integral_constant<Distribution, Distribution::normal>,
                   std::integral_constant<Distribution, Distribution::logistic>) {
  const OneThread one_thread;
  const at::NoGradGuard no_grad;
  const Orthant<Base::value> o;
  const auto given = o.model.given(o.x);
  CHECK(given.log_prob(o.both, {.seed = 1, .draws = 100'000}).template item<double>() ==
        doctest::Approx(o.truth).epsilon(0.03 / 0.92));
  CHECK(mean_bound(given, o.both, 2000).template item<double>() < o.truth - 0.05);
}

TEST_CASE("more draws are never worse in expectation, and the result says what it is") {
  const OneThread one_thread;
  const at::NoGradGuard no_grad;
  const Orthant<Distribution::logistic> o;
  const auto given = o.model.given(o.x);
  // many independent estimates at once: targets in one batch are draws of their own
  const auto many = o.both.expand({2000, 2, 1, 1});
  double before = -1e9;
  for (const int draws : {1, 2, 8, 64}) {
    const auto [mean, error] = estimate(given.log_prob(many, {.seed = 3, .draws = draws}));
    CAPTURE(draws);
    CHECK(mean > before - 3 * error);
    before = mean;
  }
  CHECK(before == doctest::Approx(o.truth).epsilon(0.02));

  const auto one = given.bits_per_dim(o.both);
  CHECK(one.kind == Likelihood::bound);
  CHECK(one.draws == 1);
  const auto weighted = given.bits_per_dim(o.both, {.seed = 3, .draws = 64});
  CHECK(weighted.kind == Likelihood::importance_weighted);
  CHECK(weighted.draws == 64);
  const double effective = weighted.effective_draws.item<double>();
  CHECK(effective > 5);
  CHECK(effective < 64);
  CHECK(weighted.values.item<double>() ==
        doctest::Approx(given.log_prob(o.both, {.seed = 3, .draws = 64}).item<double>() / -2 /
                        std::numbers::ln2));
  CHECK_THROWS_WITH_AS(given.log_prob(o.both, {.draws = 0}), "expected at least 1 draw of noise, got 0",
                       Error);

  // an exact likelihood has nothing to weigh
  using Exact = ConditionalFlow<Shape<2>, Shape<1>, Unconditional, Sequential<InvConv1x1>>;
  const libtorch::Model<Exact> exact;
  const auto bits = exact.given(at::zeros({1, 1, 1, 1})).bits_per_dim(at::ones({1, 2, 1, 1}), {.draws = 64});
  CHECK(bits.kind == Likelihood::exact);
  CHECK(bits.draws == 1);
}

TEST_CASE("an estimate is the log-mean of single draws' weights, in pieces of any size") {
  const at::NoGradGuard no_grad;
  const Perturbed<Mask2x2<Binary<Noise>>> p;
  const AllMasks all;
  const auto given = p.model.given(all.x);
  const auto one = all.y.narrow(0, 5, 1);
  // draw k of one target is the noise of target k of a batch
  const auto singles = given.log_prob(one.expand({7, 1, 2, 2}), {.seed = 4});
  CHECK(difference(given.log_prob(one, {.seed = 4, .draws = 7})[0], singles.logsumexp(0) - std::log(7.0)) <
        1e-12);
  const at::Tensor effective = given.bits_per_dim(one, {.seed = 4, .draws = 7}).effective_draws[0];
  const auto w = at::softmax(singles, 0);
  CHECK(difference(effective, 1 / w.square().sum()) < 1e-9);
}

TEST_CASE("gradients reach the noise flow through bounds and estimates") {
  Perturbed<Mask2x2<Binary<Noise>>> p;
  const AllMasks all;
  for (const int draws : {1, 4}) {
    p.model.zero_grad();
    p.model.given(all.x).log_prob(all.y, {.seed = 1, .draws = draws}).sum().backward();
    for (const auto& parameter : p.model.named_parameters()) {
      CAPTURE(parameter.key());
      REQUIRE(parameter.value().grad().defined());
      CHECK(largest(parameter.value().grad()) > 0);
    }
  }
}

TEST_CASE_TEMPLATE("fair coins cost 1 bit or more, whatever the parameters", D, Binary<Noise>,
                   Binary<Noise, Distribution::logistic>, Variational<1, Noise>, Uniform<1>) {
  using Target = Shape<1, 16, 16>;
  using Spec = ConditionalFlow<Target, Shape<1>, Unconditional, Flow, D>;
  for (const double scale : {0.0, 0.1, 0.4}) {
    const Perturbed<Spec> p(scale);
    const at::NoGradGuard no_grad;
    const auto [mean, error] =
        estimate(p.model.given(at::zeros({1, 1, 1, 1}, at::kDouble))
                     .bits_per_dim(uniform_integers({64, 1, 16, 16}, 7, 2), {.seed = 1})
                     .values);
    CAPTURE(scale);
    CHECK(mean + 3 * error >= 1);
  }
}

TEST_CASE("a flow of masks learns which of two phases it sees: 0.302 bits a pixel, and never less") {
  constexpr double truth = 0.30202;
  using Coupled = Sequential<InvConv1x1, AffineCoupling<ConvNet<24>>>;
  using Level = Sequential<Squeeze, Repeat<4, Coupled>>;
  using LearntNoise = Sequential<Squeeze, BasicPrior<ConvNet<24>>, Repeat<2, Coupled>, Unsqueeze>;
  using Spec = ConditionalFlow<Shape<1, 8, 8>, Shape<1>, Unconditional,
                               Sequential<Level, Split, Level, Prior>, Binary<LearntNoise>>;
  libtorch::Model<Spec> model({.seed = 1});
  const auto nothing = at::zeros({1, 1, 1, 1});
  train(model, 1500, 3e-3, [&](int step) { return Pairs{nothing, phases(48, std::uint64_t(step + 1))}; });
  const at::NoGradGuard no_grad;
  const auto test = phases(2000, 999'999);
  const auto [mean, error] = estimate(model.given(nothing).bits_per_dim(test, {.seed = 5}).values);
  CAPTURE(mean);
  CAPTURE(error);
  CHECK(mean <= 0.34);
  CHECK(mean >= truth - 3 * error);
  CHECK(mean >= 0.29);
  // samples are boards of one phase or the other, about as often, with about as many flips
  const auto samples = model.given(nothing).sample({.count = 500, .seed = 6});
  const auto board = at::remainder(at::arange(8).view({8, 1}) + at::arange(8), 2).to(at::kFloat);
  const auto agreement = (samples == board).to(at::kDouble).mean({1, 2, 3});
  CHECK((agreement > 0.5).to(at::kDouble).mean().item<double>() == doctest::Approx(0.5).epsilon(0.3));
  CHECK(at::minimum(agreement, 1 - agreement).mean().item<double>() < 0.10);
}
