// Large images in tiles: the same numbers as whole, on both backends; and networks look no further than they say.
#include "cnf/nets/tiled.hpp"

#include "cnf/eigen.hpp"
#include "cnf/libtorch.hpp"
#include "support/doctest.hpp"
#include "support/models.hpp"
#include "support/random_tensor.hpp"

namespace {

using namespace cnf;
using B = libtorch::Backend;
using Eigen64 = eigen::Backend<double>;

/// What runs in tiles at every place: an enlarged input, couplings of all kinds, a split, a prior.
using Step = Sequential<ActNorm, InvConv1x1, AffineCoupling<ConvNet<8>>>;
using Mixed = Sequential<Residual, Squeeze, Repeat<2, Step>, Split, Squeeze, AdditiveCoupling<ResidualNet<6>>,
                         AffineCoupling<ConvNet<4>, SigmoidScale>, Prior>;
template <class Dequantizer>
using Sr = ConditionalFlow<models::Target, models::Input, Enlarged<Rrdb<1, 4, 8, 2>>, Mixed, Dequantizer>;
using Discrete = Sr<Uniform<8>>;
using Real = Sr<Continuous>;
using Baseline = FactorisedLogistic<models::Target, models::Input, Enlarged<Rrdb<1, 4, 8, 1>>>;

Eigen64::Tensor to_eigen(const at::Tensor& x) {
  const auto flat = x.contiguous();
  const auto* first = flat.data_ptr<double>();
  return Eigen64::from_host({first, first + flat.numel()},
                            {long(x.size(0)), long(x.size(1)), long(x.size(2)), long(x.size(3))}, 0);
}

at::Tensor to_torch(const Eigen64::Tensor& x) {
  auto values = Eigen64::to_host(x);
  return at::from_blob(values.data(), {x.n, x.channels(), x.h, x.w}, at::kDouble).clone();
}

/// How many tiles ran while it lived.
class Counted {
 public:
  long tiles() const { return tiles_; }

 private:
  long tiles_ = 0;
  TileWatch watch_{[this](double work) {
    CHECK(work > 0);
    ++tiles_;
  }};
};

TEST_CASE_TEMPLATE("in tiles: the numbers of the whole image", Spec, Discrete, Real, Baseline) {
  static_assert(libtorch::Model<Spec>::tiled);
  libtorch::Model<Spec> whole({.seed = 1, .placement = {.dtype = at::kDouble}});
  cnf::testing::make_ready(whole);
  const auto x = random_tensor({2, 3, 21, 18}, 1);
  const at::NoGradGuard no_grad;
  const auto expected = whole.given(x);
  const SampleOptions draws{.count = 2, .temperature = 0.9, .seed = 3};
  const auto y = expected.sample(draws);
  const auto z = expected.encode(y, {.seed = 5});

  // smaller than a network's halo, of no image's size, and larger than every image here
  for (const long tile : {6L, 14L, 64L}) {
    CAPTURE(tile);
    libtorch::Model<Spec> tiled({.seed = 1, .tile = tile, .placement = {.dtype = at::kDouble}});
    cnf::copy_parameters(whole, tiled);
    tiled.eval();
    const Counted counted;
    const auto given = tiled.given(x);
    for (std::size_t i = 0; i < given.features().data.size(); ++i)
      CHECK(difference(given.features().data[i], expected.features().data[i]) < 1e-12);
    CHECK(difference(given.sample(draws), y) < 1e-9);
    CHECK(difference(given.log_prob(y, {.seed = 5}), expected.log_prob(y, {.seed = 5})) < 1e-6);
    const auto again = given.encode(y, {.seed = 5});
    for (std::size_t i = 0; i < z.data.size(); ++i) CHECK(difference(again.data[i], z.data[i]) < 1e-9);
    CHECK(difference(given.decode(z), y) < 1e-9);
    CHECK((counted.tiles() > 0) == (tile < 64));

    Model<Spec, Eigen64> eigen({.seed = 1, .tile = tile});
    cnf::copy_parameters(whole, eigen);
    const Counted on_eigen;
    const auto there = eigen.given(to_eigen(x));
    CHECK(difference(to_torch(there.sample(draws)), y) < 1e-9);
    const auto log_prob = Eigen64::to_host(there.log_prob(to_eigen(y), {.seed = 5}));
    CHECK(log_prob[1] ==
          doctest::Approx(expected.log_prob(y, {.seed = 5})[1].template item<double>()).epsilon(1e-9));
    CHECK(on_eigen.tiles() >= counted.tiles() / 4);
    CHECK((on_eigen.tiles() > 0) == (tile < 64));
  }
}

TEST_CASE("a model of a fixed size takes the whole image, with the same numbers") {
  using Fixed =
      ConditionalFlow<Shape<3, 24, 32>, Shape<3, 12, 16>, Enlarged<Rrdb<1, 4, 8, 2>>, Mixed, Uniform<8>>;
  static_assert(!libtorch::Model<Fixed>::tiled);
  libtorch::Model<Discrete> free({.seed = 1, .tile = 6, .placement = {.dtype = at::kDouble}});
  cnf::testing::make_ready(free);
  libtorch::Model<Fixed> fixed({.seed = 1, .tile = 6, .placement = {.dtype = at::kDouble}});
  cnf::copy_parameters(free, fixed);
  fixed.eval();
  const at::NoGradGuard no_grad;
  const auto x = random_tensor({1, 3, 12, 16}, 1);
  const auto y = free.given(x).sample({.seed = 3});
  const Counted counted;
  CHECK(difference(fixed.given(x).sample({.seed = 3}), y) < 1e-9);
  CHECK(difference(fixed.given(x).log_prob(y), free.given(x).log_prob(y)) < 1e-6);
  CHECK(counted.tiles() > 0);  // of the other model
}

TEST_CASE("gradients go through the whole image") {
  libtorch::Model<Real> model({.seed = 1, .tile = 6, .placement = {.dtype = at::kDouble}});
  cnf::testing::make_ready(model);
  const Counted counted;
  model.given(random_tensor({1, 3, 12, 12}, 1)).log_prob(random_tensor({1, 3, 24, 24}, 2)).sum().backward();
  CHECK(counted.tiles() == 0);
}

TEST_CASE("a large state that nobody else holds is changed in place, with the same numbers") {
  const at::NoGradGuard no_grad;
  const auto x = random_tensor({1, 12, 450, 420}, 1);  // more than 2^21 numbers
  const auto w = random_tensor({1, 1, 12, 12}, 2)[0][0];
  const auto in_place = [&](const auto& change) {
    auto mine = x.clone();
    const auto* memory = mine.data_ptr();
    auto y = change(std::move(mine));
    CHECK(y.data_ptr() == memory);
    CHECK(libtorch::is_only_ours(y));
    return y;
  };
  CHECK(at::equal(in_place([](at::Tensor t) { return B::depth_to_space(std::move(t)); }),
                  at::pixel_shuffle(x, 2)));
  CHECK(at::equal(in_place([](at::Tensor t) { return B::space_to_depth(std::move(t)); }),
                  at::pixel_unshuffle(x, 2)));
  CHECK(difference(in_place([&](at::Tensor t) { return B::mix_channels(std::move(t), w); }),
                   B::mix_channels(x, w)) < 1e-12);
  CHECK(at::equal(in_place([&](at::Tensor t) {
                    return by_bands<B>(std::move(t), [&](const at::Tensor& part, const Window& window) {
                      return part * 2 + B::window(x, window);
                    });
                  }),
                  x * 2 + x));
  // what somebody else holds too is not
  auto shared = x;
  CHECK(at::equal(B::depth_to_space(shared), at::pixel_shuffle(x, 2)));
  CHECK(B::mix_channels(shared, w).data_ptr() != x.data_ptr());
  CHECK(at::equal(x, random_tensor({1, 12, 450, 420}, 1)));
}

TEST_CASE("what the caller holds stays as it is") {
  libtorch::Model<Real> model({.seed = 1, .tile = 6, .placement = {.dtype = at::kDouble}});
  cnf::testing::make_ready(model);
  const at::NoGradGuard no_grad;
  const auto y = random_tensor({1, 3, 24, 24}, 2), y_before = y.clone();
  const auto given = model.given(random_tensor({1, 3, 12, 12}, 1));
  const auto z = given.encode(y);
  const auto z_before = z.data[1].clone(), e_before = z.data[0].clone();
  const auto map_before = given.features().data[0].clone();
  given.log_prob(y);
  given.decode(z);
  CHECK(at::equal(y, y_before));
  CHECK(at::equal(z.data[0], e_before));
  CHECK(at::equal(z.data[1], z_before));
  CHECK(at::equal(given.features().data[0], map_before));
}

TEST_CASE("an exception from a watch stops the work, and the next is whole") {
  libtorch::Model<Real> model({.seed = 1, .tile = 6, .placement = {.dtype = at::kDouble}});
  cnf::testing::make_ready(model);
  const auto x = random_tensor({1, 3, 12, 12}, 1);
  const auto expected = model.given(x).sample({.seed = 1});
  const at::NoGradGuard no_grad;
  int tiles = 0;
  {
    const TileWatch stop([&](double) {
      if (++tiles == 3) throw Error("enough");
    });
    CHECK_THROWS_WITH(model.given(x).sample({.seed = 1}), "enough");
  }
  CHECK(tiles == 3);
  CHECK(at::equal(model.given(x).sample({.seed = 1}), expected));
}

TEST_CASE("models with statistics of the whole image say that they take it whole") {
  using Net = InstanceNormNet<4>;
  using Vessels = ConditionalFlow<Shape<2, 8, 8>, Shape<2, 8, 8>, Passthrough, AffineCoupling<Net>>;
  static_assert(!libtorch::Model<Vessels>::tiled);
  static_assert(
      !FactorisedBernoulli<Shape<1, dynamic, dynamic>, Shape<3, dynamic, dynamic>, VggLike<4, 4, 4>>::tiled);
  static_assert(
      ConditionalFlow<Shape<2, 8, 8>, Shape<2, 8, 8>, Passthrough, AffineCoupling<ConvNet<4>>>::tiled);
  libtorch::Model<Vessels> model({.seed = 1, .tile = 2, .placement = {.dtype = at::kDouble}});
  cnf::testing::make_ready(model);
  const Counted counted;
  model.given(random_tensor({1, 2, 8, 8}, 1)).sample({.seed = 1});
  CHECK(counted.tiles() == 0);
}

/// How far a change of the middle pixel of `see` reaches in what `run` returns: pixels of the result.
template <class Run>
long reach(const Run& run, long pixels, long factor = 1) {
  const auto x = random_tensor({1, 3, pixels, pixels}, 1);
  auto changed = x.clone();
  const long middle = pixels / 2;
  changed[0][1][middle][middle] += 1;
  const auto differs = (run(x) != run(changed)).any(1)[0];
  long far = -1;
  for (long y = 0; y < differs.size(0); ++y)
    for (long c = 0; c < differs.size(1); ++c)
      if (differs[y][c].template item<bool>())
        far = std::max({far, std::abs(y - middle / factor), std::abs(c - middle / factor)});
  return far;
}

TEST_CASE_TEMPLATE("a network looks as far as it says", Net, ConvNet<8>, ConvNet<8, 1>, ConvNet<8, 5>,
                   ResidualNet<8>, ResidualNet<8, 2>, Projection<>, Projection<5>) {
  using In = Shape<3, dynamic, dynamic>;
  using on = typename Net::template On<In, In, 4>;
  torch::nn::Module module;
  const typename Net::template Bound<B, In, In, 4> net{Scope<B>(module, 1)};
  testing::perturb<B>(module, 1, 0.3);
  module.to(at::kDouble);
  const auto other = Batch<B, In>(random_tensor({1, 3, 15, 15}, 7));
  const at::NoGradGuard no_grad;
  CHECK(reach([&](const at::Tensor& z) { return net(Batch<B, In>(z), other).data; }, 15) == on::radius);
  CHECK(reach([&](const at::Tensor& h) { return net(other, Batch<B, In>(h)).data; }, 15) == on::radius);
}

TEST_CASE("an extractor looks as far as it says") {
  using In = Shape<3, dynamic / 2, dynamic / 2>;
  using Extractor = Enlarged<Rrdb<1, 4, 8, 2>>;
  static_assert(Extractor::On<In>::radius == 17);
  torch::nn::Module module;
  const Extractor::Bound<B, In> extractor{Scope<B>(module, 1)};
  testing::perturb<B>(module, 1, 0.5);
  module.to(at::kDouble);
  const at::NoGradGuard no_grad;
  const auto map = [&](std::size_t i) {
    return [&, i](const at::Tensor& x) { return extractor(Batch<B, In>(x)).data[i]; };
  };
  const long at_input = reach(map(1), 44);
  CHECK(at_input <= 17);
  CHECK(at_input > 10);
  CHECK(reach(map(2), 44, 2) <= 9);
}

}  // namespace
