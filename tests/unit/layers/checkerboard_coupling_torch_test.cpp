#include "cnf/layers/checkerboard_coupling.hpp"

#include "cnf/core.hpp"
#include "cnf/testing/check_layer.hpp"
#include "support/doctest.hpp"
#include "support/random_tensor.hpp"

namespace {

using namespace cnf;
using B = libtorch::Backend;
using Odd = CheckerboardCoupling<ConvNet<6>, 1>;
using Splines = CheckerboardCoupling<ConvNet<6>, 1, RationalQuadratic<4>>;

}  // namespace

TEST_CASE_TEMPLATE("CheckerboardCoupling keeps the layer contract", Layer, CheckerboardCoupling<ConvNet<6>>,
                   Odd, Splines) {
  for (const auto& report :
       {testing::check_layer<Layer, Shape<1, 3, 4>>({.perturbation = 0.3}),
        testing::check_layer<Layer, Shape<2, 2, 3>, Features<Shape<2, 2, 3>>>({.expect_conditional = true})})
    CHECK_MESSAGE(report.ok(), report.text());
}

TEST_CASE("CheckerboardCoupling keeps the pixels of its parity, and all others depend on them") {
  using In = Shape<1, 4, 5>;
  torch::nn::Module module;
  const bound_t<CheckerboardCoupling<ConvNet<6>, 1>, B, In, Features<>> layer{Scope<B>(module, 1)};
  testing::perturb<B>(module, 1, 0.5);
  const auto x = random_batch<In>(1, 1);
  const auto y = layer.forward(x, {}).y.data;
  for (int r = 0; r < 4; ++r)
    for (int c = 0; c < 5; ++c) {
      CAPTURE(r);
      CAPTURE(c);
      CHECK((y[0][0][r][c].item<double>() == x.data[0][0][r][c].item<double>()) == ((r + c + 1) % 2 == 0));
    }
}

TEST_CASE("in tiles of any side, CheckerboardCoupling is the same") {
  using In = Shape<2, dynamic, dynamic>;
  const at::NoGradGuard no_grad;
  const auto x = random_tensor({1, 2, 37, 29}, 1);
  const auto run = [&](long tile) {
    torch::nn::Module module;
    const bound_t<Splines, B, In, Features<>> layer{Scope<B>(module, 1).tiled(tile)};
    module.to(at::kDouble);
    testing::perturb<B>(module, 1, 0.3);
    auto out = layer.forward(Batch<B, In>(x.clone()), {});
    const auto back = layer.inverse(out.y, {}, {}).data;
    CHECK(difference(back, x) < 1e-9);
    return std::pair(out.y.data, out.log_det);
  };
  const auto [whole, log_det] = run(1000);
  for (const long side : {7, 8, 16}) {
    const auto [tiled, sum] = run(side);
    CHECK(difference(tiled, whole) < 1e-12);
    CHECK(difference(sum, log_det) < 1e-10);
  }
}
