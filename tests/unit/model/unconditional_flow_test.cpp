// Models without a condition, and with several.
#include "cnf/model/unconditional_flow.hpp"

#include "support/doctest.hpp"
#include "support/error_of.hpp"
#include "support/models.hpp"
#include "support/random_tensor.hpp"

namespace {

using namespace cnf;

using Step = Sequential<ActNorm, InvConv1x1, SplineCoupling<ResidualMlp<8>>>;
using Vectors = UnconditionalFlow<Shape<3>, Sequential<Repeat<2, Step>, Prior>>;
using Images = UnconditionalFlow<Shape<3, dynamic, dynamic>, models::SrFlow, Uniform<8>>;

using Image = Shape<3, dynamic / 2, dynamic / 2>;
using Labelled = ConditionalFlow<
    models::Target, Pair<Image, Pair<Shape<1>, Shape<2>>>,
    Both<Rrdb<1, 4, 8, 2>, Both<Broadcast<Pyramid<dynamic / 2, dynamic / 2, 2>, Embedding<10, 4>>,
                                Broadcast<Pyramid<dynamic / 4, dynamic / 4, 1>, MlpExtractor<5, 3>>>>,
    models::SrFlow>;
using Classes =
    ConditionalFlow<models::Target, Shape<1>,
                    Broadcast<Pyramid<dynamic / 2, dynamic / 2, 2>, Embedding<10, 4>>, models::SrFlow>;

template <class Spec>
libtorch::Model<Spec>& ready(libtorch::Model<Spec>& model) {
  cnf::testing::make_ready(model);
  return model;
}

}  // namespace

TEST_CASE("a flow alone: its density is the unconditional model's, target by target") {
  const at::NoGradGuard no_grad;
  libtorch::Model<Vectors> model({.seed = 1, .placement = {.dtype = at::kDouble}});
  ready(model);
  using WithX = ConditionalFlow<Shape<3>, Shape<1>, Unconditional, Sequential<Repeat<2, Step>, Prior>>;
  libtorch::Model<WithX> other({.seed = 1, .placement = {.dtype = at::kDouble}});
  ready(other);
  cnf::copy_parameters(model, other);
  const auto y = random_tensor({5, 3, 1, 1}, 1);
  const auto all = model.log_prob(y);
  CHECK(difference(all, other.given(at::zeros({1, 1, 1, 1})).log_prob(y)) < 1e-12);
  CHECK(difference(all[2], model.log_prob(y.narrow(0, 2, 1))[0]) < 1e-12);
  CHECK(difference(model.decode(model.encode(y)), y) < 1e-9);
  const auto s = model.sample({.count = 4, .seed = 3});
  CHECK(s.sizes() == at::IntArrayRef({4, 3, 1, 1}));
  CHECK(difference(s.narrow(0, 2, 2), model.sample({.count = 2, .seed = 3, .first_draw = 2})) < 1e-12);
  CHECK(describe<Vectors>().starts_with("UnconditionalFlow<3x1x1, Sequential<Repeat<2, "));
}

TEST_CASE("a flow of images of any size: noise is that of its place in the batch, padding as ever") {
  const at::NoGradGuard no_grad;
  libtorch::Model<Images> model({.seed = 1, .placement = {.dtype = at::kDouble}});
  ready(model);
  const auto y = models::uniform_integers({3, 3, 5, 6}, 1);
  const auto bits = model.bits_per_dim(y, {.seed = 2}).values;
  CHECK(difference(bits.narrow(0, 1, 2),
                   model.bits_per_dim(y.narrow(0, 1, 2), {.seed = 2, .first_input = 1}).values) < 1e-12);
  CHECK(model.bits_per_dim(y, {.draws = 4}).kind == Likelihood::importance_weighted);
  CHECK(model.sample({.count = 2, .seed = 1}, {5, 7}).sizes() == at::IntArrayRef({2, 3, 5, 7}));
  CHECK(model.first_nonfinite(y) == "");
  CHECK(error_of([&] { model.log_prob(y.narrow(0, 0, 0)); }) == "expected at least one sample, got 0");
  CHECK(difference(model.given(3, {5, 6}).bits_per_dim(y, {.seed = 2}).values, bits) < 1e-12);
  CHECK(error_of([&] { model.sample({}, {0, 7}); }) == "expected a size of a target of 3xHxW, got 0x7");
}

TEST_CASE("several inputs are a struct; each reaches its maps, and each of them matters") {
  const at::NoGradGuard no_grad;
  libtorch::Model<Labelled> model({.seed = 1, .placement = {.dtype = at::kDouble}});
  ready(model);
  static_assert(
      std::is_same_v<Labelled::features,
                     Features<Shape<12, dynamic / 2, dynamic / 2>, Shape<15, dynamic / 4, dynamic / 4>>>);
  const auto image = random_tensor({2, 3, 3, 4}, 1), numbers = random_tensor({2, 2, 1, 1}, 2);
  const auto label = [](double a, double b) { return at::tensor({a, b}, at::kDouble).view({2, 1, 1, 1}); };
  const auto y = random_tensor({2, 3, 6, 8}, 3);
  const auto p = [&](const at::Tensor& x, const at::Tensor& l, const at::Tensor& n) {
    return model.given({.first = x, .second = {.first = l, .second = n}}).log_prob(y);
  };
  const auto all = p(image, label(9, 0), numbers);
  CHECK(difference(all, p(image + 1, label(9, 0), numbers)) > 1e-3);
  CHECK(difference(all[1], p(image, label(4, 0), numbers)[1]) == 0);
  CHECK(difference(all[0], p(image, label(4, 0), numbers)[0]) > 1e-3);
  CHECK(difference(all, p(image, label(9, 0), numbers + 1)) > 1e-3);

  const auto error = [&](const at::Tensor& x, const at::Tensor& l, const at::Tensor& n) {
    return error_of([&] { p(x, l, n); });
  };
  CHECK(error(image, label(12, 0), numbers) == "expected labels 0..9, got 12");
  CHECK(error(image, label(0, 2.5), numbers) == "expected labels 0..9, got 2.5");
  CHECK(error(image, label(9, 0), numbers.narrow(0, 0, 1)) ==
        "expected inputs of as many samples, got 2 and 1");
  CHECK(error(image, label(9, 0), numbers.narrow(1, 0, 1)) == "expected an input of 2x1x1, got (2, 1, 1, 1)");
  CHECK(error(image * std::nan(""), label(9, 0), numbers) ==
        "expected finite numbers in the input, got NaN or infinity");
  CHECK(error(image, label(9, 0), numbers * HUGE_VAL) ==
        "expected finite numbers in the input, got NaN or infinity");
}

TEST_CASE("images of any size given a label: the size is said") {
  const at::NoGradGuard no_grad;
  libtorch::Model<Classes> model({.seed = 1, .placement = {.dtype = at::kDouble}});
  ready(model);
  const auto labels = at::tensor({3.0, 3.0}, at::kDouble).view({2, 1, 1, 1});
  const auto p = model.given(labels, {6, 10});
  CHECK(p.sample({.count = 3, .seed = 1}).sizes() == at::IntArrayRef({6, 3, 6, 10}));
  const auto y = random_tensor({2, 3, 6, 10}, 1);
  CHECK(difference(p.log_prob(y), model.given(labels + 1, {6, 10}).log_prob(y)) > 1e-3);
  CHECK(error_of([&] {
          p.log_prob(random_tensor({2, 3, 6, 9}, 1));
        }) == "expected a target of (2 or a multiple, 3, 6, 10), got (2, 3, 6, 9)");
}

TEST_CASE("two inputs of dynamic size must stand for one target") {
  const at::NoGradGuard no_grad;
  using Two =
      ConditionalFlow<models::Target, Pair<Image, models::Target>, Both<Rrdb<1, 4, 8, 2>, Rrdb<1, 4, 8, 2>>,
                      Sequential<CheckerboardCoupling<ConvNet<4>>, models::SrFlow>>;
  libtorch::Model<Two> model({.seed = 1, .placement = {.dtype = at::kDouble}});
  ready(model);
  const auto y = random_tensor({1, 3, 6, 8}, 1);
  CHECK(at::isfinite(model.given({random_tensor({1, 3, 3, 4}, 2), y}).log_prob(y)).all().item<bool>());
  const auto error = [&](long height, long width) {
    return error_of([&] {
      model.given({random_tensor({1, 3, 3, 4}, 2), random_tensor({1, 3, height, width}, 2)});
    });
  };
  CHECK(error(6, 9) == "expected inputs for a target of one size, got one for 8 pixels and one for 9");
  CHECK(error(4, 8) == "expected inputs for a target of one size, got one for 4 pixels and one for 6");
  // half of 5x7, rounded up
  const auto odd = random_tensor({1, 3, 5, 7}, 3);
  CHECK(model.given({random_tensor({1, 3, 3, 4}, 2), odd}).sample().sizes() == odd.sizes());
}
