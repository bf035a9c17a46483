// Networks in bfloat16: what is reduced and what is not.
#include "support/doctest.hpp"
#include "support/models.hpp"
#include "support/random_tensor.hpp"

namespace {

using namespace cnf;
using B = libtorch::Backend;
using AnyPrecision = libtorch::Model<models::ContinuousSr>;

}  // namespace

TEST_CASE("parameters, state, likelihood and latents stay in float where networks compute in bfloat16") {
  AnyPrecision model({.seed = 1, .placement = {.networks = at::kBFloat16}});
  cnf::testing::make_ready(model);
  for (const auto& p : model.named_parameters()) CHECK((p.value().scalar_type() == at::kFloat));
  const auto given = model.given(random_tensor({2, 3, 4, 4}, 1));
  const auto y = random_tensor({2, 3, 8, 8}, 2);
  const auto z = given.encode(y);
  for (const auto& latent : z.data) CHECK((latent.scalar_type() == at::kFloat));
  const auto log_prob = given.log_prob(y);
  CHECK((log_prob.scalar_type() == at::kFloat));
  log_prob.sum().backward();
  for (const auto& p : model.named_parameters()) {
    CAPTURE(p.key());
    REQUIRE(p.value().grad().defined());
    CHECK((p.value().grad().scalar_type() == at::kFloat));
    CHECK(B::all_finite(p.value().grad()));
  }
}

TEST_CASE("bfloat16 networks change the likelihood a little, and the round trip of a short flow hardly") {
  std::vector<at::Tensor> bits;
  const auto x = random_tensor({4, 3, 8, 8}, 1).to(at::kFloat);
  const auto y = random_tensor({4, 3, 16, 16}, 2).to(at::kFloat);
  for (const auto networks : {std::optional<at::ScalarType>(), std::optional(at::kBFloat16)}) {
    AnyPrecision model({.seed = 1, .placement = {.networks = networks}});
    cnf::testing::make_ready(model, 0.05);
    at::NoGradGuard no_grad;
    const auto given = model.given(x);
    bits.push_back(given.bits_per_dim(y).values);
    CHECK(difference(given.decode(given.encode(y)), y) < 1e-3);
  }
  CHECK(difference(bits[0], bits[1]) > 0);
  CHECK(difference(bits[0], bits[1]) < 0.01);
}

TEST_CASE("bfloat16 networks round alike both ways where the state is double: the inverse is exact") {
  const auto x = random_tensor({4, 3, 8, 8}, 1), y = random_tensor({4, 3, 16, 16}, 2);
  std::vector<at::Tensor> bits;
  for (const auto networks : {std::optional<at::ScalarType>(), std::optional(at::kBFloat16)}) {
    AnyPrecision model({.seed = 1, .placement = {.dtype = at::kDouble, .networks = networks}});
    cnf::testing::make_ready(model);
    at::NoGradGuard no_grad;
    const auto given = model.given(x);
    bits.push_back(given.bits_per_dim(y).values);
    CHECK(difference(given.decode(given.encode(y)), y) < 1e-11);
  }
  CHECK(difference(bits[0], bits[1]) > 1e-5);  // they do round
}
