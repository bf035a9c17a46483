#include "cnf/model/factorised_bernoulli.hpp"

#include "cnf/eigen.hpp"
#include "support/doctest.hpp"
#include "support/models.hpp"
#include "support/random_tensor.hpp"

namespace {

using namespace cnf;
using Target = Shape<1, dynamic, dynamic>;
using Input = Shape<3, dynamic, dynamic>;
using Plain = FactorisedBernoulli<Target, Input, VggLike<4, 6, 8>>;
using Weighted = FactorisedBernoulli<Target, Input, UShaped<4, 6, 8>, WeightedBernoulli<90, 10>>;

template <class Spec>
struct Fixture {
  libtorch::Model<Spec> model{{.seed = 1, .placement = {.dtype = at::kDouble}}};
  at::Tensor x = random_tensor({2, 3, 10, 7}, 1);  // neither extent divides by 4
  Fixture() { cnf::testing::make_ready(model, 0.3); }

  at::Tensor probability() const {
    const at::NoGradGuard no_grad;
    const auto l = Spec::density::template logit<libtorch::Backend>(model.given(x).features().data[0]);
    return at::sigmoid(l).narrow(2, 0, 10).narrow(3, 0, 7);
  }
};

}  // namespace

TEST_CASE_TEMPLATE("the likelihood is that of independent coins, exactly", Spec, Plain, Weighted) {
  const Fixture<Spec> f;
  const at::NoGradGuard no_grad;
  const auto x = random_tensor({2, 3, 12, 8}, 1);
  const auto y = models::uniform_integers({2, 1, 12, 8}, 2, 2);
  const auto given = f.model.given(x);
  const auto p = at::sigmoid(Spec::density::template logit<libtorch::Backend>(given.features().data[0]));
  const auto expected = (y * p.log() + (1 - y) * (1 - p).log()).flatten(1).sum(1);
  CHECK(difference(given.log_prob(y), expected) < 1e-9);
  CHECK(given.bits_per_dim(y).kind == Likelihood::exact);
  CHECK(difference(given.bits_per_dim(y).values, expected / (-96 * std::numbers::ln2)) < 1e-12);
}

TEST_CASE_TEMPLATE(
    "samples have the frequencies of the probabilities; at temperature 0 they are the likelier value", Spec,
    Plain, Weighted) {
  const Fixture<Spec> f;
  const auto p = f.probability();
  CHECK(p.std().template item<double>() > 0.02);  // the parameters do something
  const auto samples = f.model.given(f.x).sample({.count = 2000, .seed = 3});
  const auto frequency = samples.view({2, 2000, 1, 10, 7}).mean(1);
  CHECK(((samples == 0) | (samples == 1)).all().template item<bool>());
  const auto deviations = (frequency - p) / at::sqrt(p * (1 - p) / 2000);
  CHECK(largest(deviations) < 4.5);
  CHECK(deviations.square().mean().template item<double>() == doctest::Approx(1).epsilon(0.35));
  CHECK(f.model.given(f.x).sample({.temperature = 0}).equal((p > 0.5).to(at::kDouble)));
}

TEST_CASE("decode(encode(y)) is y, in double and in float") {
  for (const auto dtype : {at::kDouble, at::kFloat}) {
    libtorch::Model<Plain> model({.seed = 1, .placement = {.dtype = dtype}});
    cnf::testing::make_ready(model, 0.6);
    const auto x = random_tensor({4, 3, 16, 16}, 4, 3);
    const auto y = models::uniform_integers({4, 1, 16, 16}, 5, 2).to(dtype);
    const at::NoGradGuard no_grad;
    const auto given = model.given(x);
    for (std::uint64_t seed = 0; seed < 5; ++seed) {
      const auto z = given.encode(y, {.seed = seed});
      CHECK(at::isfinite(z.data[0]).all().item<bool>());
      CHECK(given.decode(z).equal(y));
    }
  }
}

TEST_CASE("a mask with other values is an error, and parameters are counted") {
  const Fixture<Plain> f;
  CHECK_THROWS_WITH_AS(f.model.given(f.x).log_prob(at::full({2, 1, 10, 7}, 255)),
                       "expected a target of integers from 0 to 1, got other values", Error);
  long count = 0;
  for (const auto& p : f.model.parameters()) count += long(p.numel());
  CHECK(count == Plain::parameters);
  long rows = 0;
  for (const auto& row : Plain::table<16, 16>()) rows += row.parameters;
  CHECK(rows == Plain::parameters);
}
