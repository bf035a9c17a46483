#include "cnf/layers/residual.hpp"

#include "cnf/testing/check_layer.hpp"
#include "support/doctest.hpp"
#include "support/random_tensor.hpp"

TEST_CASE("Residual keeps the layer contract") {
  using cnf::Features, cnf::Residual, cnf::Shape, cnf::testing::check_layer;
  for (const auto& report :
       {check_layer<Residual, Shape<3>, Features<Shape<3>>>({.expect_conditional = true}),
        check_layer<Residual, Shape<2, 3, 2>, Features<Shape<2, 6, 4>, Shape<2, 3, 2>>>(
            {.expect_conditional = true})})
    CHECK_MESSAGE(report.ok(), report.text());
}

TEST_CASE("Residual: y = x - h") {
  using B = cnf::libtorch::Backend;
  using S = cnf::Shape<2, 3, 2>;
  torch::nn::Module module;
  const cnf::Residual::Bound<B, S, cnf::Features<S>> layer{cnf::Scope<B>(module, 0)};
  const auto x = random_batch<S>(2, 1), h = random_batch<S>(2, 2);
  CHECK(difference(layer.forward(x, {.data = {h.data}}).y.data, x.data - h.data) == 0);
}
