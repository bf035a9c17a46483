// The face that every model has: shapes, units, sizes that the flow can't divide, and errors.
#include "cnf/model/model.hpp"

#include "support/doctest.hpp"
#include "support/error_of.hpp"
#include "support/models.hpp"
#include "support/random_tensor.hpp"

namespace {

using namespace cnf;
using models::uniform_integers;

template <class Spec>
struct Ready {
  libtorch::Model<Spec> model{{.seed = 1, .placement = {.dtype = at::kDouble}}};
  Ready() { cnf::testing::make_ready(model); }
};

at::Tensor cropped(const at::Tensor& y, const at::Tensor& like) {
  return y.narrow(2, 0, like.size(2)).narrow(3, 0, like.size(3));
}

template <class Spec>
long trained_numbers(const libtorch::Model<Spec>& model) {
  long count = 0;
  for (const auto& p : model.parameters()) count += long(p.numel());
  return count;
}

}  // namespace

TEST_CASE_TEMPLATE(
    "log_prob is one number per sample, bits_per_dim the same in bits per number of the target", Spec,
    models::Sr, models::Factorised) {
  const Ready<Spec> ready;
  const auto p = ready.model.given(random_tensor({2, 3, 5, 7}, 1));
  for (const auto& size : {std::array<long, 2>{10, 14}, {9, 13}, {10, 13}}) {
    const auto y = uniform_integers({2, 3, size[0], size[1]}, 2);
    const auto log_prob = p.log_prob(y, {.seed = 3});
    REQUIRE(log_prob.sizes() == at::IntArrayRef{2});
    const auto bits = p.bits_per_dim(y, {.seed = 3});
    const double dimensions = 3.0 * double(size[0] * size[1]);
    CHECK(difference(bits.values, -log_prob / (dimensions * std::log(2.0))) < 1e-12);
    CHECK(bits.draws == 1);
  }
}

TEST_CASE("a discrete flow's likelihood is a bound, a factorised one and a density are exact") {
  const auto kind = []<class Spec>(const Spec*) {
    const Ready<Spec> ready;
    return ready.model.given(at::zeros({1, 3, 2, 2})).bits_per_dim(at::zeros({1, 3, 4, 4})).kind;
  };
  CHECK(kind(static_cast<models::Sr*>(nullptr)) == Likelihood::bound);
  CHECK(kind(static_cast<models::ContinuousSr*>(nullptr)) == Likelihood::exact);
  CHECK(kind(static_cast<models::Factorised*>(nullptr)) == Likelihood::exact);
  CHECK(to_string(Likelihood::bound) == "bound");
  CHECK(to_string(Likelihood::importance_weighted) == "importance-weighted");
}

TEST_CASE_TEMPLATE("samples of a batch don't influence each other's likelihood", Spec, models::Sr,
                   models::Factorised) {
  const Ready<Spec> ready;
  const auto x = random_tensor({3, 3, 4, 4}, 4);
  const auto y = uniform_integers({3, 3, 8, 8}, 5);
  const auto together = ready.model.given(x).log_prob(y, {.seed = 6});
  for (long i = 0; i < 3; ++i) {
    const auto alone =
        ready.model.given(x.narrow(0, i, 1)).log_prob(y.narrow(0, i, 1), {.seed = 6, .first_input = i});
    CHECK(difference(alone, together.narrow(0, i, 1)) < 1e-9);
  }
}

TEST_CASE("several targets of one input stand next to each other") {
  const Ready<models::Factorised> ready;
  const auto x = random_tensor({2, 3, 3, 3}, 7);
  const auto y = uniform_integers({6, 3, 6, 6}, 8);
  const auto together = ready.model.given(x).log_prob(y);
  REQUIRE(together.sizes() == at::IntArrayRef{6});
  for (long i = 0; i < 6; ++i) {
    const auto alone = ready.model.given(x.narrow(0, i / 3, 1)).log_prob(y.narrow(0, i, 1));
    CHECK(difference(alone, together.narrow(0, i, 1)) < 1e-9);
  }
}

TEST_CASE_TEMPLATE("decode gives back what encode was given, for every size", Spec, models::Sr,
                   models::Factorised) {
  const Ready<Spec> ready;
  struct Sizes {
    long h, w, target_h, target_w;
  };
  for (const auto& s : {Sizes{4, 8, 8, 16},
                        {5, 7, 10, 14},
                        {5, 7, 9, 13},
                        {5, 7, 9, 14},
                        {1, 1, 2, 2},
                        {1, 1, 1, 1},
                        {3, 1, 6, 2}}) {
    CAPTURE(s.target_h);
    CAPTURE(s.target_w);
    const auto p = ready.model.given(random_tensor({2, 3, s.h, s.w}, 9));
    const auto y = uniform_integers({2, 3, s.target_h, s.target_w}, 10).to(at::kByte);
    const auto again = p.decode(p.encode(y, {.seed = 11}));
    REQUIRE(again.sizes() == at::IntArrayRef{2, 3, 2 * s.h, 2 * s.w});
    CHECK(difference(cropped(again, y), y.to(at::kDouble)) == 0);
  }
}

TEST_CASE("in float, decode is off by one where dequantization came within rounding of the next integer") {
  libtorch::Model<models::Sr> model({.seed = 1});
  cnf::testing::make_ready(model);
  const auto p = model.given(random_tensor({8, 3, 16, 16}, 9));
  const auto y = uniform_integers({8, 3, 32, 32}, 10);
  const auto off = (p.decode(p.encode(y)) - y).abs();
  CHECK(off.max().item<double>() <= 1);
  CHECK(off.mean().item<double>() < 1e-3);
}

TEST_CASE("padding repeats the last column and row, likelihood included") {
  const Ready<models::Sr> ready;
  const auto p = ready.model.given(random_tensor({1, 3, 5, 7}, 12));
  const auto y = uniform_integers({1, 3, 9, 13}, 13);
  const auto repeated = [](const at::Tensor& image, std::int64_t by) {
    return at::replication_pad2d(image.to(at::kDouble), {0, by, 0, by});
  };
  const auto padded = repeated(y, 1);
  CHECK(difference(p.log_prob(y), p.log_prob(padded)) == 0);

  // x of 5x7 stands for the top left of an x of 6x8: that is what 10x14 padded to multiples of 4 is
  const auto x = random_tensor({1, 3, 5, 7}, 14);
  const auto larger = ready.model.given(repeated(x, 1));
  CHECK(difference(ready.model.given(x).log_prob(y), larger.log_prob(repeated(y, 3))) < 1e-9);
  CHECK(decltype(ready.model)::divisor == 4);
  CHECK(libtorch::Model<models::Factorised>::divisor == 2);
}

TEST_CASE("targets are integers of any dtype") {
  const Ready<models::Sr> ready;
  const auto p = ready.model.given(random_tensor({1, 3, 2, 2}, 15));
  const auto y = uniform_integers({1, 3, 4, 4}, 16);
  CHECK(difference(p.log_prob(y), p.log_prob(y.to(at::kByte))) == 0);
  CHECK(difference(p.log_prob(y), p.log_prob(y.to(at::kLong))) == 0);
}

TEST_CASE("another dequantization seed gives another bound, and none changes an exact likelihood") {
  const Ready<models::Sr> flow;
  const Ready<models::Factorised> baseline;
  const auto x = random_tensor({1, 3, 2, 2}, 17);
  const auto y = uniform_integers({1, 3, 4, 4}, 18);
  const auto p = flow.model.given(x);
  CHECK(difference(p.log_prob(y, {.seed = 1}), p.log_prob(y, {.seed = 1})) == 0);
  CHECK(difference(p.log_prob(y, {.seed = 1}), p.log_prob(y, {.seed = 2})) > 1e-3);
  const auto q = baseline.model.given(x);
  CHECK(difference(q.log_prob(y, {.seed = 1}), q.log_prob(y, {.seed = 2})) == 0);
}

TEST_CASE("a wrong input is an Error that names both sizes") {
  const Ready<models::Sr> ready;
  CHECK(error_of([&] {
          ready.model.given(at::zeros({2, 4, 5, 7}));
        }) == "expected an input of 3xH/2xW/2, got (2, 4, 5, 7)");
  CHECK(error_of([&] {
          ready.model.given(at::zeros({0, 3, 5, 7}));
        }) == "expected an input of 3xH/2xW/2, got (0, 3, 5, 7)");
  CHECK(error_of([&] {
          ready.model.given(at::zeros({1, 3, 0, 7}));
        }) == "expected an input of 3xH/2xW/2, got (1, 3, 0, 7)");
  CHECK(error_of([&] {
          ready.model.given(at::zeros({3, 5, 7}));
        }) == "expected a tensor of four dimensions (N, C, H, W), got 3");
}

TEST_CASE_TEMPLATE("a wrong target is an Error that names both sizes, or the alphabet", Spec, models::Sr,
                   models::Factorised) {
  const Ready<Spec> ready;
  const auto p = ready.model.given(at::zeros({2, 3, 5, 7}));
  const std::string expected = "expected a target of (2 or a multiple, 3, 10, 14), got ";
  const auto error = [&](at::IntArrayRef sizes) { return error_of([&] { p.log_prob(at::zeros(sizes)); }); };
  CHECK(error({2, 1, 10, 14}) == expected + "(2, 1, 10, 14)");
  CHECK(error({2, 3, 8, 14}) == expected + "(2, 3, 8, 14)");
  CHECK(error({2, 3, 10, 12}) == expected + "(2, 3, 10, 12)");
  CHECK(error({2, 3, 11, 14}) == expected + "(2, 3, 11, 14)");
  CHECK(error({2, 3, 14, 10}) == expected + "(2, 3, 14, 10)");
  CHECK(error({3, 3, 10, 14}) == expected + "(3, 3, 10, 14)");
  CHECK(error({1, 3, 10, 14}) == expected + "(1, 3, 10, 14)");
  CHECK(error({0, 3, 10, 14}) == expected + "(0, 3, 10, 14)");
  CHECK(error_of([&] { p.encode(at::zeros({2, 3, 8, 14})); }) == expected + "(2, 3, 8, 14)");

  const std::string alphabet = "expected a target of integers from 0 to 255, got other values";
  for (const double value : {-1.0, 256.0, 0.5, std::nan("")}) {
    auto y = at::zeros({2, 3, 10, 14});
    y[1][2][9][13] = value;
    CHECK(error_of([&] { p.log_prob(y); }) == alphabet);
  }
}

TEST_CASE("wrong sampling options are an Error") {
  const Ready<models::Factorised> ready;
  const auto p = ready.model.given(at::zeros({1, 3, 2, 2}));
  const std::string expected = "sample: expected a count of at least 1 and a temperature of at least 0, got ";
  CHECK(error_of([&] { p.sample({.count = 0}); }) == expected + "0 and 1.000000");
  CHECK(error_of([&] { p.sample({.count = -1}); }) == expected + "-1 and 1.000000");
  CHECK(error_of([&] { p.sample({.temperature = -0.5}); }) == expected + "1 and -0.500000");
  CHECK(error_of([&] { p.sample({.temperature = std::nan("")}); }) == expected + "1 and nan");
}

TEST_CASE("a fixed size in the type is the only one accepted") {
  using Flow = Sequential<Squeeze, AdditiveCoupling<ConvNet<4>>, Prior>;
  using Spec = ConditionalFlow<Shape<1, 4, 6>, Shape<1, 2, 3>, Rrdb<1, 2, 4, 1>, Flow>;
  const Ready<Spec> ready;
  CHECK(ready.model.given(at::zeros({2, 1, 2, 3})).sample().sizes() == at::IntArrayRef{2, 1, 4, 6});
  CHECK_THROWS_AS(ready.model.given(at::zeros({2, 1, 3, 3})), Error);
  const auto p = ready.model.given(at::zeros({2, 1, 2, 3}));
  CHECK(p.log_prob(at::zeros({2, 1, 4, 6})).sizes() == at::IntArrayRef{2});
  CHECK_THROWS_AS(p.log_prob(at::zeros({2, 1, 4, 5})), Error);
}

TEST_CASE("a target of fixed size may have any relation to the input's") {
  using Flow = Sequential<Squeeze, AdditiveCoupling<ConvNet<4>>, Prior>;
  using Spec = ConditionalFlow<Shape<1, 6, 4>, Shape<2, 8, 8>, Unconditional, Flow>;
  const Ready<Spec> ready;
  const auto p = ready.model.given(at::zeros({3, 2, 8, 8}));
  CHECK(p.sample().sizes() == at::IntArrayRef{3, 1, 6, 4});
  CHECK(p.log_prob(at::zeros({3, 1, 6, 4})).sizes() == at::IntArrayRef{3});
}

TEST_CASE("latents of another number of samples are an Error") {
  const Ready<models::Sr> ready;
  const auto z = ready.model.given(at::zeros({3, 3, 2, 2})).encode(at::zeros({3, 3, 4, 4}));
  CHECK(error_of([&] {
          ready.model.given(at::zeros({2, 3, 2, 2})).decode(z);
        }) == "decode: expected latents of 2 samples or a multiple, got 3");
}

TEST_CASE("latents of another size are an Error that names both") {
  const Ready<models::Sr> ready;
  const auto p = ready.model.given(random_tensor({1, 3, 4, 4}, 25));
  auto z = p.encode(uniform_integers({1, 3, 8, 8}, 26));
  z.data[1] = z.data[1].narrow(2, 0, 1);
  const auto sizes = z.data[1].sizes();
  CHECK(error_of([&] { p.decode(z); }) == "decode: expected latents 1 of (1, " + std::to_string(sizes[1]) +
                                              ", 2, 2), got (1, " + std::to_string(sizes[1]) + ", 1, 2)");
}

TEST_CASE("a clone is the same model with parameters of its own") {
  Ready<models::Sr> ready;
  ready.model.eval();
  auto copy = clone(ready.model);
  const auto x = random_tensor({1, 3, 4, 4}, 27), y = uniform_integers({1, 3, 8, 8}, 28);
  const auto log_prob = [&](auto& model) { return model.given(x).log_prob(y).detach(); };
  const auto before = log_prob(ready.model);
  CHECK(difference(log_prob(copy), before) == 0);
  CHECK_FALSE(copy.is_training());
  CHECK((copy.parameters()[0].scalar_type() == ready.model.parameters()[0].scalar_type()));

  testing::perturb<libtorch::Backend>(copy, 3, 0.1);
  CHECK(difference(log_prob(ready.model), before) == 0);
  CHECK(difference(log_prob(copy), before) > 1e-3);
  copy_parameters(ready.model, copy);
  CHECK(difference(log_prob(copy), before) == 0);
}

TEST_CASE("a flow may be one layer alone, and may have no parameters at all") {
  const Ready<ConditionalFlow<Shape<3>, Shape<2>, Passthrough, Prior>> one;
  const auto x = random_tensor({4, 2, 1, 1}, 19), y = random_tensor({4, 3, 1, 1}, 20);
  const auto p = one.model.given(x);
  CHECK(difference(p.decode(p.encode(y)), y) < 1e-12);
  CHECK(p.first_nonfinite(y) == "");

  const libtorch::Model<ConditionalFlow<Shape<3>, Shape<2>, Unconditional, Reverse>> none;
  const double log_density = -0.5 * 3 * (0.25 + std::log(2 * std::numbers::pi));
  CHECK(none.given(at::zeros({1, 2, 1, 1})).log_prob(at::full({1, 3, 1, 1}, 0.5)).template item<double>() ==
        doctest::Approx(log_density));
}

TEST_CASE("parameters() has as many numbers as the spec says") {
  const auto agrees = []<class Spec>(const Spec*) {
    const libtorch::Model<Spec> model;
    return trained_numbers(model) == Spec::parameters;
  };
  CHECK(agrees(static_cast<models::Sr*>(nullptr)));
  CHECK(agrees(static_cast<models::Factorised*>(nullptr)));
  CHECK(agrees(static_cast<models::Vector<3, 2, 2, 8>*>(nullptr)));
  using Plu = ConditionalFlow<Shape<2, 4, 4>, Shape<1, 4, 4>, Unconditional,
                              Sequential<Squeeze, InvConv1x1Plu, BasicSplit<ConvNet<4>>, Reverse, Prior>>;
  CHECK(agrees(static_cast<Plu*>(nullptr)));
}

TEST_CASE("the same seed gives the same parameters, another one others") {
  const libtorch::Model<models::Sr> a({.seed = 1}), b({.seed = 1}), c({.seed = 2});
  CHECK(cnf::testing::numbers_of(a) == cnf::testing::numbers_of(b));
  CHECK(cnf::testing::numbers_of(a) != cnf::testing::numbers_of(c));
}

TEST_CASE("parameters have stable dotted names") {
  const libtorch::Model<models::Sr> model;
  const auto all = cnf::testing::numbers_of(model);
  for (const char* name : {"extractor.first.weight", "extractor.blocks.0.2.4.bias", "extractor.down.1.weight",
                           "flow.0.1.1.0.log_scale", "flow.0.1.1.0.initialised", "flow.0.1.0.1.weight",
                           "flow.0.1.0.2.net.conv1.features", "flow.1.net.weight", "flow.3.net.features"})
    CHECK_MESSAGE(all.count(name) == 1, std::string(name));
}

TEST_CASE("to(dtype) moves everything") {
  libtorch::Model<models::Sr> model({.seed = 1});
  cnf::testing::make_ready(model);
  const auto x = random_tensor({2, 3, 4, 4}, 21);
  const auto y = uniform_integers({2, 3, 8, 8}, 22);
  const auto in_float = model.given(x).log_prob(y);
  CHECK((in_float.scalar_type() == at::kFloat));
  model.to(at::kDouble);
  const auto in_double = model.given(x).log_prob(y);
  CHECK((in_double.scalar_type() == at::kDouble));
  CHECK(difference(in_float.to(at::kDouble) / in_double, at::ones({2}, at::kDouble)) < 1e-5);
  CHECK((model.given(x).sample().scalar_type() == at::kDouble));
}

TEST_CASE_TEMPLATE("an Adam step on a batch makes that batch more likely", Spec, models::Sr,
                   models::Factorised) {
  Ready<Spec> ready;
  ready.model.train();
  const auto x = random_tensor({4, 3, 4, 4}, 23);
  const auto y = uniform_integers({4, 3, 8, 8}, 24);
  torch::optim::Adam adam(ready.model.parameters(), 1e-4);
  const auto before = ready.model.given(x).log_prob(y).mean();
  (-before).backward();
  for (const auto& p : ready.model.named_parameters()) CHECK_MESSAGE(p.value().grad().defined(), p.key());
  adam.step();
  CHECK(ready.model.given(x).log_prob(y).mean().template item<double>() > before.template item<double>());
}

TEST_CASE("first_nonfinite names the layer where a not-a-number begins") {
  const auto found_after = [](const std::string& name) {
    Ready<models::Sr> ready;
    at::NoGradGuard no_grad;
    auto* parameter = ready.model.named_parameters().find(name);
    REQUIRE_MESSAGE(parameter != nullptr, name);
    parameter->data_ptr<double>()[0] = std::nan("");
    return ready.model.given(at::zeros({1, 3, 2, 2})).first_nonfinite(at::zeros({1, 3, 4, 4}));
  };
  CHECK(found_after("extractor.first.weight") == "extractor");
  CHECK(found_after("extractor.down.1.bias") == "extractor");
  CHECK(found_after("flow.0.1.0.0.bias") == "flow.0.1.0.0 (ActNorm)");
  CHECK(found_after("flow.0.1.1.1.weight") == "flow.0.1.1.1 (InvConv1x1)");
  CHECK(found_after("flow.0.1.1.2.net.conv1.features") == "flow.0.1.1.2 (AffineCoupling<ConvNet<8>>)");
  CHECK(found_after("flow.1.net.bias") == "flow.1 (Split)");
  CHECK(found_after("flow.2.1.0.2.net.conv3.bias") == "flow.2.1.0.2 (AffineCoupling<ConvNet<8>>)");
  CHECK(found_after("flow.3.net.features") == "flow.3 (Prior)");

  const Ready<models::Sr> healthy;
  CHECK(healthy.model.given(at::zeros({1, 3, 2, 2})).first_nonfinite(at::zeros({1, 3, 4, 4})) == "");
}
