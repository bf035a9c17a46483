// What no normalised model can do, whatever its parameters: code noise in fewer bits than it has, or give the
// outcomes more than probability one. An error of scale, of a log-det or of a bin shows here and nowhere else.
//
// For y uniform over 2^(b D) values and any P, E[-log2 P(y)] = b D + KL(uniform || P) >= b D; a dequantization
// bound is only larger.
#include "cnf/model/model.hpp"
#include "support/doctest.hpp"
#include "support/models.hpp"
#include "support/random_tensor.hpp"
#include "support/train.hpp"

namespace {

using namespace cnf;
using models::uniform_integers;

/// Waves of random direction, length and phase, 8 bits; x is the mean of each 2x2.
Pairs waves(long n, std::uint64_t seed, long size = 16) {
  const auto random = [&](std::uint64_t which, double low, double high) {
    return uniform_integers({n, 3, 1, 1}, 10 * seed + which, 1 << 20) * ((high - low) / (1 << 20)) + low;
  };
  const auto row = at::arange(size, at::kDouble).view({1, 1, -1, 1});
  const auto column = at::arange(size, at::kDouble).view({1, 1, 1, -1});
  const auto phase =
      random(0, -0.3, 0.3) * row + random(1, -0.3, 0.3) * column + random(2, 0, 2 * std::numbers::pi);
  const auto y = at::floor(random(3, 100, 156) + random(4, 20, 90) * at::sin(phase)).to(at::kFloat);
  return {at::avg_pool2d(y, 2) / 255, y};
}

Pairs bytes(long n, std::uint64_t seed, int levels = 256) {
  return {uniform_integers({n, 3, 8, 8}, 2 * seed).to(at::kFloat) / 255,
          uniform_integers({n, 3, 16, 16}, 2 * seed + 1, levels).to(at::kFloat)};
}

template <class Model>
Estimate bits(const Model& model, const Pairs& pairs) {
  const at::NoGradGuard no_grad;
  const OneThread one_thread;
  return estimate(model.given(pairs.x).bits_per_dim(pairs.y, {.seed = 99}).values);
}

template <class Model>
void check_codes_noise_in_no_less_than(double least, const Model& model, int levels = 256) {
  const auto [mean, error] = bits(model, bytes(128, 77, levels));
  CAPTURE(mean);
  CAPTURE(error);
  CHECK(mean + 3 * error >= least);
}

template <class Flow>
using OneBit = ConditionalFlow<models::Target, models::Input, Rrdb<1, 4, 8, 2>, Flow, Uniform<1>>;
using OneBitFactorised = FactorisedLogistic<models::Target, models::Input, Rrdb<1, 4, 8, 1>, 1>;
template <int Bits>
using Pixel = FactorisedLogistic<Shape<1>, Shape<2>, Rrdb<1, 2, 4, 1>, Bits>;

}  // namespace

TEST_CASE_TEMPLATE("iid uniform bytes cost 8 bits or more under an untrained model", Spec, models::Sr,
                   models::Factorised) {
  for (const double scale : {0.0, 0.05, 0.2}) {
    libtorch::Model<Spec> model({.seed = 1});
    cnf::testing::make_ready(model, scale);
    check_codes_noise_in_no_less_than(8, model);
  }
}

TEST_CASE_TEMPLATE("trained on smooth images, a model codes those in far fewer bits, and noise in no fewer",
                   Spec, models::Sr, models::Factorised) {
  libtorch::Model<Spec> model({.seed = 1});
  train(model, 150, 3e-3, [](int step) { return waves(16, std::uint64_t(step + 1)); });
  const auto smooth = bits(model, waves(64, 1000));
  CAPTURE(smooth.mean);
  CHECK(smooth.mean < 6.5);
  check_codes_noise_in_no_less_than(8, model);

  // the inverse holds as well: samples at full temperature neither explode nor saturate
  const auto test = waves(8, 1001);
  const auto samples = model.given(test.x).sample({.count = 2, .seed = 3});
  CHECK(at::isfinite(samples).all().template item<bool>());
  const auto saturated = ((samples == 0) | (samples == 255)).to(at::kDouble).mean().template item<double>();
  CHECK(saturated < 0.1);
}

TEST_CASE_TEMPLATE("trained on iid uniform bytes, a model comes close to 8 bits from above", Spec, models::Sr,
                   models::Factorised) {
  libtorch::Model<Spec> model({.seed = 1});
  train(model, 60, 3e-3, [](int step) { return bytes(32, std::uint64_t(1000 + step)); });
  check_codes_noise_in_no_less_than(8, model);
  // the best Gaussian for a uniform costs 1/2 log2(2 pi e / 12) = 0.25 bits too many
  CHECK(bits(model, bytes(128, 77)).mean < 8.5);
}

TEST_CASE_TEMPLATE("trained on fair coins, a model comes close to 1 bit from above", Spec,
                   OneBit<models::SrFlow>, OneBitFactorised) {
  libtorch::Model<Spec> model({.seed = 1});
  cnf::testing::make_ready(model);
  check_codes_noise_in_no_less_than(1, model, 2);
  libtorch::Model<Spec> trained({.seed = 1});
  train(trained, 60, 3e-3, [](int step) { return bytes(32, std::uint64_t(1000 + step), 2); });
  check_codes_noise_in_no_less_than(1, trained, 2);
  CHECK(bits(trained, bytes(128, 77, 2)).mean < 1.5);
}

TEST_CASE("a conditional density in two dimensions integrates to one") {
  libtorch::Model<models::Vector<2, 1, 3, 16>> model({.seed = 1, .placement = {.dtype = at::kDouble}});
  const auto integral = [&](double x) {
    const at::NoGradGuard no_grad;
    const OneThread one_thread;
    const double step = 0.1, reach = 12;
    const auto axis = at::arange(-reach, reach, step, at::kDouble);
    const auto grid = at::meshgrid({axis, axis}, "ij");
    const auto y = at::stack({grid[0].flatten(), grid[1].flatten()}, 1).view({-1, 2, 1, 1});
    return model.given(at::full({1, 1, 1, 1}, x, at::kDouble))
               .log_prob(y)
               .exp()
               .sum()
               .template item<double>() *
           step * step;
  };
  // y0 around x^2, y1 around sin(y0), so that the density bends
  train(model, 120, 5e-3, [](int step) {
    const auto x = random_tensor({256, 1, 1, 1}, std::uint64_t(3 * step + 1));
    const auto y0 = x * x + 0.7 * random_tensor({256, 1, 1, 1}, std::uint64_t(3 * step + 2));
    const auto y1 = at::sin(2 * y0) + 0.3 * random_tensor({256, 1, 1, 1}, std::uint64_t(3 * step + 3));
    return Pairs{x, at::cat({y0, y1}, 1)};
  });
  for (const double x : {-1.0, 0.0, 1.5}) CHECK(std::abs(integral(x) - 1) < 1e-3);
  cnf::testing::make_ready(model, 0.1);
  CHECK(std::abs(integral(0.5) - 1) < 1e-3);
}

TEST_CASE("the 16 one-bit images of 2x2 share a probability of at most one") {
  using Flow = Sequential<Squeeze, Repeat<3, Sequential<ActNorm, InvConv1x1, AffineCoupling<Mlp<16>>>>,
                          BasicPrior<Projection<1>>>;
  using Spec = ConditionalFlow<Shape<1, 2, 2>, Shape<1>, Passthrough, Flow, Uniform<1>>;
  libtorch::Model<Spec> model({.seed = 1, .placement = {.dtype = at::kDouble}});
  const long draws = 1000;
  const auto all = ((at::arange(16).view({16, 1}) / at::tensor({1, 2, 4, 8})).floor().remainder(2))
                       .to(at::kDouble)
                       .view({16, 1, 2, 2})
                       .repeat_interleave(draws, 0);
  struct Mass {
    double bound, weighted;
  };
  const auto mass = [&](double x) {
    const at::NoGradGuard no_grad;
    const OneThread one_thread;
    const auto log_weights =
        model.given(at::full({1, 1, 1, 1}, x, at::kDouble)).log_prob(all).view({16, draws});
    return Mass{log_weights.mean(1).exp().sum().template item<double>(),
                log_weights.exp().mean(1).sum().template item<double>()};
  };
  // every pixel is 1 with probability sigmoid(2x), the first two pixels are equal
  train(model, 200, 1e-2, [](int step) {
    const auto x = random_tensor({256, 1, 1, 1}, std::uint64_t(2 * step + 1));
    const auto u = uniform_integers({256, 1, 2, 2}, std::uint64_t(2 * step + 2), 1 << 20) / double(1 << 20);
    auto y = (u < at::sigmoid(2 * x)).to(at::kDouble);
    y.select(2, 0).select(2, 1).copy_(y.select(2, 0).select(2, 0));
    return Pairs{x, y};
  });
  for (const double x : {-1.0, 0.0, 1.0}) {
    const auto [bound, weighted] = mass(x);
    CAPTURE(bound);
    CAPTURE(weighted);
    CHECK(bound <= 1);
    CHECK(bound > 0.3);        // trained: little is lost outside the alphabet
    CHECK(bound <= weighted);  // Jensen
    CHECK(weighted <= 1.02);   // one, minus the mass outside the unit cube, with its error
  }
  cnf::testing::make_ready(model, 0.03);
  CHECK(mass(0.5).bound <= 1);
}

TEST_CASE_TEMPLATE("a factorised logistic's probabilities of all values sum to one", Spec, Pixel<8>,
                   Pixel<1>) {
  libtorch::Model<Spec> model({.seed = 1, .placement = {.dtype = at::kDouble}});
  const at::NoGradGuard no_grad;
  for (const double scale : {0.0, 0.5, 3.0}) {
    cnf::testing::make_ready(model, scale);
    const auto y = at::arange(Spec::levels, at::kDouble).view({-1, 1, 1, 1});
    const auto p = model.given(random_tensor({1, 2, 1, 1}, 5)).log_prob(y).exp();
    CHECK(p.sum().template item<double>() == doctest::Approx(1).epsilon(1e-9));
  }
}
