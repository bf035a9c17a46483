// Dequantizers with a noise flow of their own: binary and variational, normal and logistic base.
#include <torch/csrc/autograd/autograd.h>

#include "cnf/dequantize/binary.hpp"
#include "cnf/dequantize/variational.hpp"
#include "support/doctest.hpp"
#include "support/models.hpp"
#include "support/random_tensor.hpp"

namespace {

using namespace cnf;
using B = libtorch::Backend;
using S = Shape<1, 4, 4>;
using F = Features<Shape<3, 2, 2>>;

using Step = Sequential<InvConv1x1, AffineCoupling<ConvNet<6>>>;
using Noise = Sequential<Squeeze, BasicPrior<ConvNet<6>>, Repeat<2, Step>, Unsqueeze>;
using Shift = Sequential<Squeeze, Repeat<2, AdditiveCoupling<ConvNet<6>>>, Unsqueeze>;  // volume-preserving

template <class Dequantizer>
struct Fixture {
  torch::nn::Module module;
  typename Dequantizer::template Bound<B, S, F> bound{Scope<B>(module, 1)};
  Batch<B, S> y;
  Maps<B, F> features{.data = {random_tensor({5, 3, 2, 2}, 2)}};

  explicit Fixture(int levels) : y(models::uniform_integers({5, 1, 4, 4}, 3, levels)) {
    testing::perturb<libtorch::Backend>(module, 1, 0.1);
  }
};

/// log|det dv/de| of every sample by autograd.
template <class Bound>
at::Tensor log_abs_jacobian(const Bound& bound, const at::Tensor& e, const Batch<B, S>& y,
                            const Maps<B, F>& h) {
  const auto input = e.clone().set_requires_grad(true);
  const auto v = bound.dequantize_with(input, y, h).v.data.flatten(1);
  std::vector<at::Tensor> rows;
  for (std::int64_t i = 0; i < v.size(1); ++i)
    rows.push_back(torch::autograd::grad({v.select(1, i).sum()}, {input}, {}, true)[0].flatten(1));
  return std::get<1>(at::slogdet(at::stack(rows, 1)));
}

}  // namespace

TEST_CASE_TEMPLATE("log_det is log|dv/de| less the base's log-density, by autograd", D, Binary<Noise>,
                   Binary<Noise, Distribution::logistic>, Binary<Noise, Distribution::normal, 4>,
                   Binary<Shift>) {
  const Fixture<D> f(2);
  const auto e = random_tensor({5, 1, 4, 4}, 4, 1.5);
  const at::Tensor log_base = D::describe().find("logistic") == std::string::npos
                                  ? standard_normal_log_density<B>(e)
                                  : (e - 2 * at::softplus(e)).flatten(1).sum(1);
  const auto d = f.bound.dequantize_with(e, f.y, f.features);
  CHECK(difference(d.log_det, log_abs_jacobian(f.bound, e, f.y, f.features) - log_base) < 1e-8);
}

TEST_CASE_TEMPLATE("the same for 8 bits and for bins of masks", D, Variational<8, Noise>,
                   Variational<1, Noise, Distribution::logistic>) {
  const Fixture<D> f(D::levels);
  const auto e = random_tensor({5, 1, 4, 4}, 4);
  const at::Tensor log_base =
      D::levels > 2 ? standard_normal_log_density<B>(e) : (e - 2 * at::softplus(e)).flatten(1).sum(1);
  const auto d = f.bound.dequantize_with(e, f.y, f.features);
  CHECK(difference(d.log_det, log_abs_jacobian(f.bound, e, f.y, f.features) - log_base) < 1e-8);
  const at::Tensor position = d.v.data * D::levels - f.y.data;
  CHECK(position.min().template item<double>() >= 0);
  CHECK(position.max().template item<double>() < 1);
}

TEST_CASE_TEMPLATE("y comes back exactly, also in float and for noise far out", D, Binary<Noise>,
                   Variational<1, Noise>, Variational<8, Noise>) {
  int levels = 2;
  if constexpr (requires { D::levels; }) levels = D::levels;
  Fixture<D> f(levels);
  for (const auto dtype : {at::kDouble, at::kFloat})
    for (const double scale : {1.0, 30.0, 1000.0}) {
      CAPTURE(scale);
      f.module.to(dtype);
      const Batch<B, S> y(f.y.data.to(dtype));
      const Maps<B, F> h{.data = {f.features.data[0].to(dtype)}};
      const auto d = f.bound.dequantize_with(random_tensor({5, 1, 4, 4}, 5, scale).to(dtype), y, h);
      CHECK(at::isfinite(d.v.data).all().template item<bool>());
      CHECK(f.bound.quantize(d.v).data.equal(y.data));
    }
}

TEST_CASE("a margin moves a new model's noise away from the boundary") {
  const Fixture<Binary<Sequential<>, Distribution::normal, 4>> f(2);  // u = e + 4
  const auto e = random_tensor({5, 1, 4, 4}, 6);
  const auto v = f.bound.dequantize_with(e, f.y, f.features).v.data;
  CHECK(difference(v, (2 * f.y.data - 1) * at::softplus(e + 4)) < 1e-12);
}

TEST_CASE("binary noise is inverted by the formula of the paper") {
  const Fixture<Binary<Sequential<>>> f(2);  // u = e
  const auto e = random_tensor({5, 1, 4, 4}, 6, 2);
  const auto w = f.bound.dequantize_with(e, f.y, f.features).v.data.abs();
  CHECK(difference(w + at::log(-at::expm1(-w)), e) < 1e-9);
  // with a logistic base softplus(e) is Exponential(1): its mean and variance are 1
  using Logistic = Binary<Sequential<>, Distribution::logistic>::Bound<B, Shape<1, 64, 64>, Features<>>;
  torch::nn::Module module;
  const Batch<B, Shape<1, 64, 64>> ones(at::ones({4, 1, 64, 64}, at::kDouble));
  const auto v = Logistic(Scope<B>(module, 1)).dequantize(ones, {}, {.seed = 1}).v.data;
  CHECK(v.mean().item<double>() == doctest::Approx(1).epsilon(0.03));
  CHECK(v.var().item<double>() == doctest::Approx(1).epsilon(0.06));
}

TEST_CASE("noise depends on y and on the features of both resolutions, and on the seed alone otherwise") {
  using Both = Features<Shape<3, 2, 2>, Shape<2, 4, 4>>;
  using D = Binary<Sequential<BasicPrior<ConvNet<4>>, Squeeze, BasicPrior<ConvNet<4>>, Unsqueeze>>;
  torch::nn::Module module;
  const D::Bound<B, S, Both> bound{Scope<B>(module, 1)};
  testing::perturb<libtorch::Backend>(module, 1, 0.5);
  const Batch<B, S> zeros(at::zeros({1, 1, 4, 4}, at::kDouble));
  auto corner = zeros.data.clone();
  corner[0][0][0][0] = 1;
  const auto size = [&](const at::Tensor& y, double half, double full, std::uint64_t seed) {
    const Maps<B, Both> h{
        .data = {at::full({1, 3, 2, 2}, half, at::kDouble), at::full({1, 2, 4, 4}, full, at::kDouble)}};
    return bound.dequantize(Batch<B, S>(y), h, {.seed = seed}).v.data.abs();
  };
  const auto start = size(zeros.data, 1, 1, 1);
  CHECK(size(zeros.data, 1, 1, 1).equal(start));
  CHECK(difference(size(zeros.data, 1, 1, 2), start) > 1e-3);
  CHECK(difference(size(zeros.data, 2, 1, 1), start) > 1e-3);
  CHECK(difference(size(zeros.data, 1, 2, 1), start) > 1e-3);
  // a changed pixel reaches its neighbour, not only itself
  CHECK(std::abs((size(corner, 1, 1, 1) - start)[0][0][0][1].item<double>()) > 1e-4);
}

TEST_CASE("values outside of the alphabet are an error that says so, and what is not finite decodes to NaN") {
  const Fixture<Binary<Noise>> f(2);
  for (const double wrong : {2.0, 0.5, -1.0, std::nan("")}) {
    const Batch<B, S> y(at::full({5, 1, 4, 4}, wrong, at::kDouble));
    CHECK_THROWS_WITH_AS(f.bound.dequantize(y, f.features, {}),
                         "expected a target of integers from 0 to 1, got other values", Error);
  }
  auto v = random_tensor({1, 1, 4, 4}, 1);
  v[0][0][1][1] = std::nan("");
  v[0][0][2][2] = std::numeric_limits<double>::infinity();
  const auto y = f.bound.quantize(Batch<B, S>(v)).data;
  CHECK(at::isnan(y).sum().item<long>() == 2);
}

TEST_CASE("parameters of the noise flow are counted, described and part of the model") {
  using Plain =
      ConditionalFlow<S, Shape<3, 2, 2>, Passthrough, Sequential<Squeeze, Step, Prior>, Binary<Noise>>;
  libtorch::Model<Plain> model;
  long counted = 0, noise = 0;
  for (const auto& p : model.named_parameters()) {
    counted += long(p.value().numel());
    if (p.key().rfind("dequantizer.noise.", 0) == 0) noise += long(p.value().numel());
  }
  CHECK(counted == Plain::parameters);
  CHECK(noise > 0);
  const auto rows = Plain::table<4, 4>();
  CHECK(rows.back().path == "dequantizer");
  CHECK(rows.back().parameters == noise);
  CHECK(rows.back().multiply_adds > 0);
}
