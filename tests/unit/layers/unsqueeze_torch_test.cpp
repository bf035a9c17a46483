#include "cnf/layers/unsqueeze.hpp"

#include "cnf/compose/sequential.hpp"
#include "cnf/testing/check_layer.hpp"
#include "support/doctest.hpp"
#include "support/random_tensor.hpp"

using namespace cnf;
using B = libtorch::Backend;

TEST_CASE("Unsqueeze keeps the promises of a layer") {
  const auto report = testing::check_layer<Unsqueeze, Shape<8, 3, 2>>();
  CHECK_MESSAGE(report.ok(), report.text());
}

TEST_CASE("Unsqueeze undoes Squeeze, and is its inverse") {
  using S = Shape<2, 4, 6>;
  using Q = Shape<8, 2, 3>;
  torch::nn::Module module;
  const Unsqueeze::Bound<B, Q, Features<>> unsqueeze{Scope<B>(module, 1)};
  const Squeeze::Bound<B, S, Features<>> squeeze{Scope<B>(module, 1)};
  const auto x = random_batch<S>(2, 1);
  const auto small = squeeze.forward(x, {}).y;
  CHECK(unsqueeze.forward(small, {}).y.data.equal(x.data));
  CHECK(unsqueeze.inverse(x, {}, {}).data.equal(small.data));
  using Identity = Sequential<Squeeze, Unsqueeze>;
  static_assert(std::is_same_v<output_t<Identity, Shape<1, dynamic, dynamic>>, Shape<1, dynamic, dynamic>>);
  static_assert(!FlowFor<Unsqueeze, Shape<6, 2, 2>>);
  static_assert(!FlowFor<Unsqueeze, Shape<4, dynamic, dynamic>>);  // larger than the target
}
