// Whole models on Eigen alone, without another backend to compare with: what they promise, for every layer, network
// and dequantizer. (model/backends_test.cpp holds them against LibTorch.)
#include <Eigen/LU>
#include <cmath>
#include <numbers>

#include "cnf/eigen.hpp"
#include "cnf/io/checkpoint.hpp"
#include "cnf/testing/perturb.hpp"
#include "support/doctest.hpp"
#include "support/error_of.hpp"
#include "support/temporary_folder.hpp"

namespace {

using namespace cnf;
using B = eigen::Backend<double>;

using Net = ConvNet<6>;
using Layers =
    Sequential<Residual, Squeeze, Repeat<2, Sequential<ActNorm, InvConv1x1, AffineCoupling<Net>>>,
               Permute<3, 0, 2, 1, 5, 4, 7, 6, 11, 9, 10, 8>, AffineCoupling<ResidualNet<6>, SigmoidScale>,
               Split, Sequential<Squeeze, ActNorm, InvConv1x1Plu, AdditiveCoupling<Net>, Reverse>, Prior>;
template <class Dequantizer>
using Photographs = ConditionalFlow<Shape<3, dynamic, dynamic>, Shape<3, dynamic / 2, dynamic / 2>,
                                    Enlarged<Rrdb<1, 3, 6, 2>>, Layers, Dequantizer>;

using MaskStep = Sequential<InvConv1x1, AffineCoupling<InstanceNormNet<6>>>;
using MaskLevel = Sequential<Squeeze, Repeat<2, MaskStep>>;
using MaskFlow = Sequential<MaskLevel, Split, MaskLevel, Prior>;
using MaskNoise = Sequential<Squeeze, BasicPrior<ConvNet<6>>, MaskStep, Unsqueeze>;
template <class Extractor, class Dequantizer>
using Vessels =
    ConditionalFlow<Shape<1, dynamic, dynamic>, Shape<3, dynamic, dynamic>, Extractor, MaskFlow, Dequantizer>;

template <class Spec>
struct Ready {
  eigen::Model<Spec, double> model{{.seed = 1}};

  Ready() {
    testing::perturb<B>(model, 2, 0.1);
    testing::mark_initialised<B>(model);
  }
};

B::Tensor numbers(std::array<long, 4> sizes, std::uint64_t seed,
                  Distribution distribution = Distribution::normal, double scale = 1) {
  return noise_batch<B>({.seed = seed}, Stream::user, 0, distribution, scale, sizes, 0);
}

double worst(const B::Tensor& a, const B::Tensor& b) { return (a - b).values().abs().maxCoeff(); }

TEST_CASE("a continuous flow of every layer is undone, and its density is the latents' times |det|") {
  const Ready<Photographs<Continuous>> ready;
  const auto p = ready.model.given(numbers({2, 3, 4, 6}, 1));
  const auto y = numbers({2, 3, 8, 12}, 2);
  const auto z = p.encode(y);
  CHECK(worst(p.decode(z), y) < 1e-10);

  // log|det| by central differences of the latents, one column of the Jacobian for each number of sample 0
  const Ready<Photographs<Continuous>> small;
  const auto q = small.model.given(numbers({1, 3, 2, 2}, 3));
  const auto at = numbers({1, 3, 4, 4}, 4);
  const auto flat = [&](const B::Tensor& t) {
    std::vector<double> all;
    for (const auto& level : q.encode(t).data)
      for (const double v : B::to_host(level)) all.push_back(v);
    return all;
  };
  const auto start = B::to_host(at);
  const long d = long(start.size());
  Eigen::MatrixXd jacobian(d, d);
  for (long i = 0; i < d; ++i) {
    auto up = start, down = start;
    up[std::size_t(i)] += 1e-5;
    down[std::size_t(i)] -= 1e-5;
    const auto a = flat(B::from_host(up, {1, 3, 4, 4}, 0)), b = flat(B::from_host(down, {1, 3, 4, 4}, 0));
    for (long j = 0; j < d; ++j) jacobian(j, i) = (a[std::size_t(j)] - b[std::size_t(j)]) / 2e-5;
  }
  double expected = std::log(std::abs(jacobian.determinant()));
  for (const double v : flat(at)) expected -= (v * v + std::log(2 * std::numbers::pi)) / 2;
  CHECK(B::to_host(q.log_prob(at))[0] == doctest::Approx(expected).epsilon(1e-6));
}

template <class Spec>
void check_discrete(const B::Tensor& x, const B::Tensor& y, double highest) {
  CAPTURE(describe<Spec>());
  const Ready<Spec> ready;
  const auto p = ready.model.given(x);
  const auto bits = p.bits_per_dim(y, {.seed = 1});
  CHECK(bits.kind == Spec::likelihood);
  CHECK(B::all_finite(bits.values));

  const auto draws = p.sample({.count = 3, .seed = 5});
  CHECK(draws.n == 3 * x.n);
  CHECK(draws.h == y.h);
  CHECK(draws.w == y.w);
  CHECK(B::all_integers_within(draws, 0, highest));
  // the second draw of the first input does not depend on how many are drawn at once
  const auto alone = B::to_host(p.sample({.seed = 5, .first_draw = 1}));
  const auto together = B::to_host(draws);
  const auto one = std::size_t(y.channels() * y.area());
  CHECK(
      std::equal(alone.begin(), alone.begin() + std::ptrdiff_t(one), together.begin() + std::ptrdiff_t(one)));
}

TEST_CASE("discrete models of every network and dequantizer sample in their alphabet, at any size") {
  const auto photographs = numbers({2, 3, 10, 14}, 6, Distribution::uniform, 256);
  check_discrete<Photographs<Uniform<8>>>(numbers({2, 3, 5, 7}, 5), B::floor(photographs), 255);

  const auto x = numbers({2, 3, 10, 13}, 7);
  const auto y = B::floor(numbers({2, 1, 10, 13}, 8, Distribution::uniform, 2));
  check_discrete<Vessels<UShaped<5, 6, 7>, Binary<MaskNoise>>>(x, y, 1);
  check_discrete<Vessels<VggLike<5, 6, 7>, Binary<MaskNoise, Distribution::logistic>>>(x, y, 1);
  check_discrete<Vessels<UShaped<5, 6, 7>, Uniform<1>>>(x, y, 1);
  check_discrete<
      FactorisedBernoulli<Shape<1, dynamic, dynamic>, Shape<3, dynamic, dynamic>, VggLike<5, 6, 7>>>(x, y, 1);
  check_discrete<
      FactorisedLogistic<Shape<3, dynamic, dynamic>, Shape<3, dynamic / 2, dynamic / 2>, Rrdb<1, 3, 6, 1>>>(
      numbers({2, 3, 5, 7}, 5), B::floor(photographs), 255);
}

TEST_CASE("a blank model is what its checkpoint says, in float and in double") {
  using Spec = Vessels<UShaped<5, 6, 7>, Binary<MaskNoise>>;
  const TemporaryFolder folder;
  const auto path = folder / "model.safetensors";
  const Ready<Spec> saved;
  io::save_checkpoint(path, saved.model);

  eigen::Model<Spec, double> model({.blank = true});
  B::for_each_parameter(model, [](const std::string& name, const B::Parameter& p) {
    CHECK_MESSAGE(p.values().isZero(0), name);
  });
  const auto x = numbers({1, 3, 8, 8}, 1), y = B::floor(numbers({1, 1, 8, 8}, 2, Distribution::uniform, 2));
  io::load_checkpoint(path, model);
  const double expected = B::to_host(saved.model.given(x).log_prob(y))[0];
  CHECK(B::to_host(model.given(x).log_prob(y))[0] == expected);

  using Single = eigen::Backend<float>;
  eigen::Model<Spec, float> single({.blank = true});
  io::load_checkpoint(path, single);
  const auto narrow = [](const B::Tensor& t) { return Single::from_host(B::to_host(t), sizes_of<B>(t), 0); };
  CHECK(Single::to_host(single.given(narrow(x)).log_prob(narrow(y)))[0] ==
        doctest::Approx(expected).epsilon(1e-4));
}

TEST_CASE("wrong sizes are one Error, with expected and given") {
  const Ready<Photographs<Uniform<8>>> ready;
  const auto p = ready.model.given(numbers({1, 3, 2, 2}, 1));
  CHECK(error_of([&] {
          p.log_prob(numbers({1, 3, 4, 6}, 1));
        }) == "expected a target of (1 or a multiple, 3, 4, 4), got (1, 3, 4, 6)");
  CHECK(error_of([&] { ready.model.given(numbers({1, 1, 2, 2}, 1)); }).starts_with("expected an input of"));
}

}  // namespace
