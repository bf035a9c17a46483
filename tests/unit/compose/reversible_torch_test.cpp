// Gradients of Reversible layers and models against those that store activations, and the guard of rebuilding.
#include "cnf/compose/reversible.hpp"

#include "support/doctest.hpp"
#include "support/error_of.hpp"
#include "support/models.hpp"
#include "support/random_tensor.hpp"

namespace {

using namespace cnf;
using B = libtorch::Backend;

template <template <class> class Coupling, class Net>
using Step = Sequential<ActNorm, InvConv1x1, Coupling<Net>>;
template <class Net>
using Affine = AffineCoupling<Net>;

using In = Shape<3, 8, 8>;
using F = Features<Shape<5, 4, 4>>;

/// Gradients by name of a random function of y and log_det, of a flow bound under the same names.
template <class Spec>
std::map<std::string, at::Tensor> gradients(at::ScalarType dtype) {
  torch::nn::Module module;
  const bound_t<Spec, B, In, F> layer{Scope<B>(module, 1)};
  const auto x = random_tensor({2, 3, 8, 8}, 1).to(dtype).requires_grad_();
  const auto h = random_tensor({2, 5, 4, 4}, 2).to(dtype).requires_grad_();
  {
    at::NoGradGuard no_grad;
    module.to(dtype);
    layer.forward(Batch<B, In>(x), {.data = {h}});
  }
  testing::perturb<libtorch::Backend>(module, 3, 0.1);
  const auto out = layer.forward(Batch<B, In>(x), {.data = {h}});
  auto sum = (out.y.data * random_tensor(out.y.data.sizes(), 4).to(dtype)).sum();
  if constexpr (!volume_preserving<Spec, In, F>) sum = sum + out.log_det.sum() * 0.3;
  sum.backward();
  std::map<std::string, at::Tensor> all{{"x", x.grad()}, {"h", h.grad()}};
  for (const auto& p : module.named_parameters()) all[p.key()] = p.value().grad();
  return all;
}

template <class L>
void same_gradients(at::ScalarType dtype, double tolerance) {
  const auto ordinary = gradients<L>(dtype), rebuilt = gradients<Reversible<L>>(dtype);
  REQUIRE(ordinary.size() == rebuilt.size());
  double scale = 0;
  for (const auto& [name, gradient] : ordinary) scale = std::max(scale, largest(gradient));
  for (const auto& [name, gradient] : ordinary) {
    CAPTURE(name);
    REQUIRE(gradient.defined());
    REQUIRE(rebuilt.count(name) == 1);
    REQUIRE(rebuilt.at(name).defined());
    // a bias before InstanceNorm has no gradient but rounding
    CHECK(difference(rebuilt.at(name), gradient) < tolerance * std::max(largest(gradient), 1e-3 * scale));
  }
}

template <class L>
void same_gradients() {
  same_gradients<L>(at::kDouble, 1e-5);
  same_gradients<L>(at::kFloat, 1e-3);
}

}  // namespace

TEST_CASE("gradients by rebuilding are those of stored activations") {
  SUBCASE("affine couplings, deep") {
    same_gradients<Sequential<Squeeze, Repeat<6, Step<Affine, ConvNet<8>>>>>();
  }
  SUBCASE("additive couplings") {
    same_gradients<Sequential<Squeeze, Repeat<3, Step<AdditiveCoupling, InstanceNormNet<8>>>>>();
  }
  SUBCASE("other layers, one alone and several") {
    same_gradients<Sequential<Squeeze, Reverse, InvConv1x1Plu, ActNorm, Prior>>();
  }
  SUBCASE("one inside the other") {
    same_gradients<Sequential<Squeeze, Reversible<Repeat<2, Step<Affine, ConvNet<4>>>>, Reverse, Prior>>();
  }
}

TEST_CASE("a reversible flow is the same function, under the same names") {
  using L = Sequential<Squeeze, Repeat<2, Step<Affine, ConvNet<4>>>>;
  CHECK(Reversible<L>::describe() == L::describe());
  static_assert(parameter_count<Reversible<L>, In, F> == parameter_count<L, In, F>);
  static_assert(std::is_same_v<output_t<Reversible<L>, In, F>, output_t<L, In, F>>);
}

TEST_CASE("the model's option `reversible` leaves likelihood, samples and gradients as they are") {
  const auto x = random_tensor({2, 3, 6, 6}, 1);
  const auto y = models::uniform_integers({2, 3, 12, 12}, 2);
  std::vector<std::map<std::string, at::Tensor>> gradients;
  std::vector<at::Tensor> likelihoods, samples;
  for (const bool reversible : {false, true}) {
    libtorch::Model<models::Sr> model(
        {.seed = 1, .reversible = reversible, .placement = {.dtype = at::kDouble}});
    cnf::testing::make_ready(model);
    auto log_prob = model.given(x).log_prob(y, {.seed = 3});
    log_prob.sum().backward();
    likelihoods.push_back(log_prob.detach());
    samples.push_back(model.given(x).sample({.count = 3, .seed = 4}));
    auto& all = gradients.emplace_back();
    for (const auto& p : model.named_parameters()) all[p.key()] = p.value().grad();
  }
  CHECK(difference(likelihoods[0], likelihoods[1]) < 1e-8);
  CHECK(difference(samples[0], samples[1]) == 0);
  for (const auto& [name, gradient] : gradients[0]) {
    CAPTURE(name);
    REQUIRE(gradients[1].at(name).defined());
    CHECK(difference(gradients[1].at(name), gradient) <= 1e-5 * largest(gradient));
  }
}

TEST_CASE("an input that can't be rebuilt is an error of the backward pass, not a wrong gradient") {
  using L = Sequential<Squeeze, Repeat<2, InvConv1x1>>;
  torch::nn::Module module;
  const bound_t<Reversible<L>, B, In, F> layer{Scope<B>(module, 1)};
  module.to(at::kFloat);
  const auto weight = module.named_parameters()["1.0.weight"];
  {
    at::NoGradGuard no_grad;
    // all channels nearly the same: float can't tell them apart afterwards
    weight.copy_(at::ones_like(weight) + 1e-7 * at::eye(12));
  }
  const auto out = layer.forward(Batch<B, In>(random_tensor({2, 3, 8, 8}, 1).to(at::kFloat)),
                                 {.data = {at::zeros({2, 5, 4, 4})}});
  const auto error = error_of([&] { out.y.data.sum().backward(); });
  CHECK_MESSAGE(error.find("Reversible: expected to rebuild the input within 0.001 of its scale, got ") == 0,
                error);
}

TEST_CASE("gradients of some tensors alone are an error: rebuilding gives them to all parameters") {
  using L = Sequential<Squeeze, Repeat<2, Step<Affine, ConvNet<4>>>>;
  torch::nn::Module module;
  const bound_t<Reversible<L>, B, In, F> layer{Scope<B>(module, 1)};
  const auto h = random_tensor({2, 5, 4, 4}, 2).requires_grad_();
  const auto out = layer.forward(Batch<B, In>(random_tensor({2, 3, 8, 8}, 1)), {.data = {h}});
  const auto error = error_of([&] { torch::autograd::grad({out.y.data.sum()}, {h}); });
  CHECK_MESSAGE(error.find("Reversible: expected gradients by backward()") == 0, error);
}
