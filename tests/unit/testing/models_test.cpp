#include "cnf/testing/models.hpp"

#include "cnf/eigen.hpp"
#include "cnf/libtorch.hpp"
#include "support/doctest.hpp"
#include "support/error_of.hpp"

using namespace cnf;

namespace {

using Flow = Sequential<Squeeze, ActNorm, InvConv1x1, AffineCoupling<ConvNet<8>>, Prior>;
using Spec = ConditionalFlow<Shape<1, 4, 4>, Shape<2, 2, 2>, Passthrough, Flow>;
using Longer =
    ConditionalFlow<Shape<1, 4, 4>, Shape<2, 2, 2>, Passthrough,
                    Sequential<Squeeze, ActNorm, InvConv1x1, AffineCoupling<ConvNet<8>>, ActNorm, Prior>>;

}  // namespace

TEST_CASE("a model that was made ready is away from its initial values, and can be used") {
  libtorch::Model<Spec> model({.seed = 1});
  const auto before = testing::numbers_of(model);
  const auto x = at::ones({1, 2, 2, 2}), y = at::ones({1, 1, 4, 4});
  testing::make_ready(model);
  CHECK_FALSE(model.is_training());
  CHECK(at::isfinite(model.given(x).log_prob(y)).all().item<bool>());
  const auto after = testing::numbers_of(model);
  REQUIRE(after.size() == before.size());
  for (const auto& [name, values] : before) {
    CAPTURE(name);
    CHECK(after.at(name) != values);
  }
}

TEST_CASE("the same seed makes both backends ready alike") {
  libtorch::Model<Spec> torch({.seed = 1, .placement = {.dtype = at::kDouble}});
  eigen::Model<Spec, double> eigen({.seed = 1});
  testing::make_ready(torch, 0.2, 5);
  testing::make_ready(eigen, 0.2, 5);
  CHECK(testing::numbers_of(torch) == testing::numbers_of(eigen));
  libtorch::Model<Spec> other({.seed = 1, .placement = {.dtype = at::kDouble}});
  testing::make_ready(other, 0.2, 6);
  CHECK(testing::numbers_of(torch) != testing::numbers_of(other));
}

TEST_CASE("parameters are copied by name, and a name that is missing is told") {
  libtorch::Model<Spec> from({.seed = 1}), to({.seed = 2});
  testing::make_ready(from);
  copy_parameters(from, to);
  CHECK(testing::numbers_of(from) == testing::numbers_of(to));
  libtorch::Model<Longer> longer({.seed = 2});
  CHECK(error_of([&] {
          copy_parameters(from, longer);
        }).starts_with("expected a model that has a parameter flow.4."));
}
