#include "cnf/layers/orthogonal1x1.hpp"

#include "cnf/testing/check_layer.hpp"
#include "support/doctest.hpp"
#include "support/random_tensor.hpp"

using namespace cnf;
using B = libtorch::Backend;

TEST_CASE("Orthogonal1x1 keeps the layer contract") {
  for (const auto& report : {testing::check_layer<Orthogonal1x1<>, Shape<4, 2, 3>>({.perturbation = 1}),
                             testing::check_layer<Orthogonal1x1<2>, Shape<5>>(),
                             testing::check_layer<Orthogonal1x1<1>, Shape<2, 2, 2>>()})
    CHECK_MESSAGE(report.ok(), report.text());
}

TEST_CASE("Orthogonal1x1 is the product of its reflections") {
  using In = Shape<4>;
  torch::nn::Module module;
  const bound_t<Orthogonal1x1<3>, B, In, Features<>> layer{Scope<B>(module, 1)};
  auto product = at::eye(4, at::kDouble);
  for (int k = 0; k < 3; ++k) {
    const auto v = module.parameters()[0][k].detach().unsqueeze(1);
    product = product.matmul(at::eye(4, at::kDouble) - 2 * v.matmul(v.t()) / v.square().sum());
  }
  const auto x = random_batch<In>(5, 1);
  const auto y = layer.forward(x, {}).y.data.flatten(1);
  CHECK(difference(y, x.data.flatten(1).matmul(product.t())) < 1e-12);
  CHECK(difference(y.norm(2, 1), x.data.flatten(1).norm(2, 1)) < 1e-12);
}
