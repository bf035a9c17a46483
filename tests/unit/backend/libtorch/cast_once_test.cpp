#include "cnf/backend/libtorch/cast_once.hpp"

#include "support/doctest.hpp"
#include "support/models.hpp"
#include "support/random_tensor.hpp"

namespace {

using namespace cnf;

std::vector<at::Tensor> gradients(bool once) {
  libtorch::Model<models::Sr> model({.seed = 1, .placement = {.networks = at::kBFloat16}});
  cnf::testing::make_ready(model);
  const auto x = random_tensor({2, 3, 8, 8}, 1), y = models::uniform_integers({2, 3, 16, 16}, 2);
  std::optional<libtorch::CastOnce> converted;
  if (once) converted.emplace(model.parameters(), at::kBFloat16);
  const auto loss = model.given(x).bits_per_dim(y, {.seed = 3}).values.mean();
  converted.reset();
  loss.backward();
  std::vector<at::Tensor> all{loss.detach()};
  for (const auto& p : model.parameters()) all.push_back(p.grad().defined() ? p.grad() : at::zeros_like(p));
  return all;
}

}  // namespace

TEST_CASE("parameters that are converted once give the numbers of those converted one by one") {
  const auto once = gradients(true), each = gradients(false);
  for (std::size_t i = 0; i < once.size(); ++i) {
    CAPTURE(i);
    CHECK(difference(once[i], each[i]) <= 1e-6 * std::max(1.0, largest(each[i])));
  }
}

TEST_CASE("a parameter may be set after its conversion, as by ActNorm's first batch") {
  const auto p = at::ones({3}).requires_grad_();
  const libtorch::CastOnce converted({p}, at::kBFloat16);
  const auto y = libtorch::cast(p, at::kBFloat16).sum();
  {
    const at::NoGradGuard no_grad;
    p.fill_(2);
  }
  y.backward();
  CHECK(difference(p.grad(), at::ones({3})) == 0);
}

TEST_CASE("a converted parameter is found while CastOnce lives, and only in its precision") {
  const auto p = at::ones({3}).requires_grad_();
  CHECK(libtorch::cast(p, at::kFloat).is_same(p));
  {
    const libtorch::CastOnce converted({p}, at::kBFloat16);
    CHECK(libtorch::cast(p, at::kBFloat16).is_same(libtorch::cast(p, at::kBFloat16)));
    CHECK((libtorch::cast(p, at::kDouble).scalar_type() == at::kDouble));
    CHECK_FALSE(libtorch::cast(p, at::kDouble).is_same(libtorch::cast(p, at::kDouble)));
  }
  CHECK_FALSE(libtorch::cast(p, at::kBFloat16).is_same(libtorch::cast(p, at::kBFloat16)));
  CHECK_FALSE(libtorch::cast(at::Tensor(), at::kFloat).defined());
}
