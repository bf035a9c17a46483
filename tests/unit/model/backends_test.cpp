// LibTorch and Eigen compute the same numbers from the same parameters: every layer kind, double and float.
#include "cnf/eigen.hpp"
#include "cnf/model/model.hpp"
#include "support/doctest.hpp"
#include "support/error_of.hpp"
#include "support/models.hpp"
#include "support/random_tensor.hpp"

namespace {

using namespace cnf;

using Net = ConvNet<6>;
using AllLayers =
    Sequential<Residual, Squeeze, Repeat<2, Sequential<ActNorm, InvConv1x1, AffineCoupling<Net>>>,
               Permute<3, 0, 2, 1, 5, 4, 7, 6, 11, 9, 10, 8>, AffineCoupling<ResidualNet<6>, SigmoidScale>,
               Split,
               Sequential<Squeeze, ActNorm, InvConv1x1Plu, AdditiveCoupling<Net>, Reverse,
                          AffineCoupling<Net, SoftplusScale>, AffineCoupling<Net, ExpScale>>,
               BasicSplit<ConvNet<4>>, Prior>;
using Image =
    ConditionalFlow<models::Target, models::Input, Enlarged<Rrdb<1, 3, 6, 2>>, AllLayers, Uniform<8>>;
using Free = ConditionalFlow<
    Shape<5>, Shape<1>, Unconditional,
    Sequential<ActNorm, InvConv1x1, AffineCoupling<Mlp<6>>, Reverse, AdditiveCoupling<Mlp<6>>, Prior>>;

/// What is not in the models of the paper.
using OtherLayers = Sequential<Logit<50>, CheckerboardCoupling<Net>, HaarSqueeze, ActNorm, Orthogonal1x1<3>,
                               SplineCoupling<Net>, Swap, MixtureCoupling<Net, 3>,
                               CheckerboardCoupling<Net, 1, RationalQuadratic<4>>, Spline<5>, Mixture<2>,
                               AffineCoupling<ResidualMlp<6, 1>>, Sigmoid, Logit<>, Split, Prior>;
using Labels = Broadcast<Pyramid<dynamic, dynamic, 2>, cnf::Both<Embedding<10, 4>, MlpExtractor<6, 5>>>;
using Labelled = ConditionalFlow<models::Target, Pair<models::Target, Pair<Shape<1>, Shape<2>>>,
                                 cnf::Both<Rrdb<1, 3, 6, 2>, Labels>, OtherLayers>;
using Alone = UnconditionalFlow<Shape<3, dynamic, dynamic>, OtherLayers>;

/// The segmentation models: every network, density and dequantizer of theirs.
using MaskTarget = Shape<1, dynamic, dynamic>;
using MaskInput = Shape<3, dynamic, dynamic>;
using MaskStep = Sequential<InvConv1x1, AffineCoupling<InstanceNormNet<6>>>;
using MaskLevel = Sequential<Squeeze, Repeat<2, MaskStep>>;
using MaskFlow = Sequential<MaskLevel, Split, MaskLevel, Prior>;
using MaskNoise = Sequential<Squeeze, BasicPrior<ConvNet<6>>, MaskStep, Unsqueeze>;
template <class Extractor, class Dequantizer>
using Vessels = ConditionalFlow<MaskTarget, MaskInput, Extractor, MaskFlow, Dequantizer>;

template <class Spec, class T>
struct OnBoth {
  static constexpr double bound = sizeof(T) == 8 ? 1e-10 : 1e-4;
  libtorch::Model<Spec> torch{{.seed = 1, .placement = {.dtype = sizeof(T) == 8 ? at::kDouble : at::kFloat}}};
  eigen::Model<Spec, T> eigen{{.seed = 2}};

  OnBoth() {
    cnf::testing::make_ready(torch);
    cnf::copy_parameters(torch, eigen);
  }

  static eigen::Tensor<T> to_eigen(const at::Tensor& x) {
    return eigen::Backend<T>::from_host(libtorch::Backend::to_host(x),
                                        {x.size(0), x.size(1), x.size(2), x.size(3)}, 0);
  }
};

/// Largest difference, relative where numbers are larger than 1; infinite where sizes differ.
template <class B, class Numbers>
double apart(const at::Tensor& a, const Numbers& b) {
  const auto u = libtorch::Backend::to_host(a), v = B::to_host(b);
  if (u.size() != v.size()) return std::numeric_limits<double>::infinity();
  double worst = 0;
  for (std::size_t i = 0; i < u.size(); ++i) {
    const double d = std::abs(u[i] - v[i]) / std::max(1.0, std::abs(u[i]));
    worst = std::isfinite(d) ? std::max(worst, d) : std::numeric_limits<double>::infinity();
  }
  return worst;
}

template <class Spec, class T, class Y>
void check_agreement(const at::Tensor& x, const Y& y) {
  const OnBoth<Spec, T> both;
  using B = eigen::Backend<T>;
  const auto p = both.torch.given(x);
  const auto q = both.eigen.given(both.to_eigen(x));
  const at::NoGradGuard no_grad;

  const auto target = both.to_eigen(y);
  CHECK(apart<B>(p.log_prob(y, {.seed = 3}), q.log_prob(target, {.seed = 3})) < both.bound);
  CHECK(apart<B>(p.bits_per_dim(y).values, q.bits_per_dim(target).values) < both.bound);

  const auto z = p.encode(y, {.seed = 3});
  const auto w = q.encode(target, {.seed = 3});
  for (std::size_t i = 0; i < z.data.size(); ++i) CHECK(apart<B>(z.data[i], w.data[i]) < both.bound);

  const SampleOptions options{.count = 3, .temperature = 0.8, .seed = 4};
  const auto s = libtorch::Backend::to_host(p.sample(options)), t = B::to_host(q.sample(options));
  REQUIRE(s.size() == t.size());
  double worst = 0, total = 0;
  for (std::size_t i = 0; i < s.size(); ++i) {
    const double d = std::abs(s[i] - t[i]) / std::max(1.0, std::abs(s[i]));
    worst = std::max(worst, std::isfinite(d) ? d : std::numeric_limits<double>::infinity());
    total += d;
  }
  if (std::is_same_v<T, float> && !std::is_same_v<Spec, Free>)
    CHECK(total / double(s.size()) < 1e-3);  // an integer is another one where rounding crosses it
  else
    CHECK(worst < both.bound);
}

TEST_CASE_TEMPLATE("a discrete flow of every layer agrees, padded sizes included", T, double, float) {
  check_agreement<Image, T>(random_tensor({2, 3, 3, 5}, 1), models::uniform_integers({2, 3, 5, 10}, 2));
  check_agreement<Image, T>(random_tensor({1, 3, 1, 1}, 1), models::uniform_integers({1, 3, 2, 2}, 2));
}

TEST_CASE("an unconditional density of vectors agrees, with several targets per input") {
  check_agreement<Free, double>(random_tensor({2, 1, 1, 1}, 5), random_tensor({6, 5, 1, 1}, 6));
}

TEST_CASE_TEMPLATE("layers beside the paper's agree, given an image and a label, or nothing", T, double,
                   float) {
  using B = eigen::Backend<T>;
  const at::NoGradGuard no_grad;
  const auto agree = [](const auto& p, const auto& q, const auto& y, double bound, auto... size) {
    const auto target = OnBoth<Alone, T>::to_eigen(y);
    CHECK(apart<B>(p.log_prob(y), q.log_prob(target)) < bound);
    CHECK(apart<B>(p.encode(y).data[0], q.encode(target).data[0]) < bound);
    const SampleOptions options{.count = 2, .temperature = 0.7, .seed = 2};
    CHECK(apart<B>(p.sample(options, size...), q.sample(options, size...)) < 100 * bound);
    CHECK(apart<B>(p.decode(p.encode(y), size...), target) < 100 * bound);
  };
  const auto y = models::uniform_integers({2, 3, 5, 8}, 2) / 256;
  const OnBoth<Labelled, T> both;
  const auto x = random_tensor({2, 3, 5, 8}, 1),
             labels = at::tensor({7.0, 0.0}, at::kDouble).view({2, 1, 1, 1}),
             numbers = random_tensor({2, 2, 1, 1}, 3);
  const auto on_eigen = [&](const at::Tensor& image, const at::Tensor& label, const at::Tensor& vector) {
    return both.eigen.given({.first = both.to_eigen(image),
                             .second = {.first = both.to_eigen(label), .second = both.to_eigen(vector)}});
  };
  agree(both.torch.given({.first = x, .second = {.first = labels, .second = numbers}}),
        on_eigen(x, labels, numbers), y, 10 * both.bound);
  CHECK(error_of([&] { on_eigen(x, labels + 5, numbers); }) == "expected labels 0..9, got 12");
  for (const double bad : {std::nan(""), HUGE_VAL}) {
    const auto spoilt = numbers * bad;
    CHECK(error_of([&] { on_eigen(x, labels, spoilt); }) ==
          "expected finite numbers in the input, got NaN or infinity");
  }
  const OnBoth<Alone, T> alone;
  agree(alone.torch, alone.eigen, y, 10 * alone.bound, Extents{5, 8});
}

TEST_CASE_TEMPLATE("the factorised logistic agrees", T, double, float) {
  const auto x = random_tensor({2, 3, 3, 5}, 7);
  const auto y = models::uniform_integers({2, 3, 6, 9}, 8);
  const OnBoth<models::Factorised, T> both;
  const at::NoGradGuard no_grad;
  const auto p = both.torch.given(x);
  const auto q = both.eigen.given(both.to_eigen(x));
  using B = eigen::Backend<T>;
  CHECK(apart<B>(p.log_prob(y), q.log_prob(both.to_eigen(y))) < both.bound);
  CHECK(apart<B>(p.sample({.temperature = 0}), q.sample({.temperature = 0})) < both.bound);
}

TEST_CASE_TEMPLATE(
    "the segmentation models agree: extractors, InstanceNorm, noise flows, sizes that don't divide", T,
    double, float) {
  const auto x = random_tensor({2, 3, 10, 13}, 11);
  const auto y = models::uniform_integers({2, 1, 10, 13}, 12, 2),
             bytes = models::uniform_integers({2, 1, 10, 13}, 12);
  check_agreement<Vessels<UShaped<5, 6, 7>, Binary<MaskNoise, Distribution::normal, 2>>, T>(x, y);
  check_agreement<Vessels<VggLike<5, 6, 7>, Binary<MaskNoise, Distribution::logistic>>, T>(x, y);
  check_agreement<Vessels<VggLike<5, 6, 7, true>, Uniform<1>>, T>(x, y);
  check_agreement<Vessels<UShaped<5, 6, 7>, Variational<8, MaskNoise>>, T>(x, bytes);
}

TEST_CASE("importance-weighted bits agree, and how many draws carry them") {
  using Spec = Vessels<UShaped<5, 6, 7>, Binary<MaskNoise>>;
  const OnBoth<Spec, double> both;
  const auto x = random_tensor({2, 3, 4, 8}, 13);
  const auto y = models::uniform_integers({4, 1, 4, 8}, 14, 2);  // two targets an input
  const at::NoGradGuard no_grad;
  const auto p = both.torch.given(x).bits_per_dim(y, {.seed = 3, .draws = 5});
  const auto q = both.eigen.given(both.to_eigen(x)).bits_per_dim(both.to_eigen(y), {.seed = 3, .draws = 5});
  CHECK(apart<eigen::Backend<double>>(p.values, q.values) < 1e-10);
  CHECK(apart<eigen::Backend<double>>(p.effective_draws, q.effective_draws) < 1e-8);
}

TEST_CASE_TEMPLATE("the factorised Bernoulli models agree", T, double, float) {
  check_agreement<FactorisedBernoulli<MaskTarget, MaskInput, UShaped<5, 6, 7>>, T>(
      random_tensor({2, 3, 9, 14}, 15), models::uniform_integers({2, 1, 9, 14}, 16, 2));
  check_agreement<FactorisedBernoulli<MaskTarget, MaskInput, VggLike<5, 6, 7>, WeightedBernoulli<90, 10>>, T>(
      random_tensor({1, 3, 8, 8}, 15), models::uniform_integers({1, 1, 8, 8}, 16, 2));
}

TEST_CASE("the agreement is not of two that ignore their parameters") {
  OnBoth<Image, double> both;
  const auto x = random_tensor({1, 3, 2, 2}, 9);
  const auto y = models::uniform_integers({1, 3, 4, 4}, 10);
  const at::NoGradGuard no_grad;
  const auto gap = [&] {
    return apart<eigen::Backend<double>>(both.torch.given(x).log_prob(y),
                                         both.eigen.given(both.to_eigen(x)).log_prob(both.to_eigen(y)));
  };
  CHECK(gap() < 1e-10);
  for (auto& p : both.torch.named_parameters()) {
    const auto kept = p.value().clone();
    p.value().mul_(1.1).add_(0.1);
    CHECK_MESSAGE(gap() > 1e-9, p.key());
    p.value().copy_(kept);
  }
}

TEST_CASE("both backends start from the same parameters for the same seed") {
  const libtorch::Model<Image> torch({.seed = 5, .placement = {.dtype = at::kDouble}});
  const eigen::Model<Image, double> eigen({.seed = 5});
  CHECK(cnf::testing::numbers_of(torch) == cnf::testing::numbers_of(eigen));
}

TEST_CASE("Eigen names the layer where a not-a-number begins, too") {
  OnBoth<Image, float> both;
  eigen::Backend<float>::for_each_parameter(both.eigen, [](const std::string& name, const auto& p) {
    if (name == "flow.6.3.net.conv1.weight") {
      auto values = eigen::Backend<float>::to_host(p);
      values[0] = std::nan("");
      eigen::Backend<float>::assign(p, values);
    }
  });
  CHECK(both.eigen.given(both.to_eigen(at::zeros({1, 3, 2, 2})))
            .first_nonfinite(both.to_eigen(at::zeros({1, 3, 4, 4}))) ==
        "flow.6.3 (AdditiveCoupling<ConvNet<6>>)");
}

}  // namespace
