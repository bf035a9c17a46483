#include "cnf/layers/haar_squeeze.hpp"

#include "cnf/core.hpp"
#include "cnf/testing/check_layer.hpp"
#include "support/doctest.hpp"
#include "support/random_tensor.hpp"

using namespace cnf;

TEST_CASE("HaarSqueeze keeps the layer contract") {
  for (const auto& report : {testing::check_layer<HaarSqueeze, Shape<1, 2, 2>>(),
                             testing::check_layer<HaarSqueeze, Shape<3, 4, 6>>(),
                             testing::check_layer<Sequential<HaarSqueeze, Split>, Shape<2, 4, 2>>()})
    CHECK_MESSAGE(report.ok(), report.text());
}

TEST_CASE("HaarSqueeze: sums first, then differences across, down and both") {
  using B = libtorch::Backend;
  using In = Shape<2, 2, 2>;
  torch::nn::Module module;
  const bound_t<HaarSqueeze, B, In, Features<>> layer{Scope<B>(module, 0)};
  const auto x = at::tensor({1., 2., 3., 4., 10., 20., 30., 40.}, at::kDouble).view({1, 2, 2, 2});
  const auto y = layer.forward(Batch<B, In>(x), {}).y.data;
  // a=1 b=2 c=3 d=4: (a+b+c+d)/2, (a-b+c-d)/2, (a+b-c-d)/2, (a-b-c+d)/2
  CHECK(B::to_host(y) == std::vector<double>{5, 50, -1, -10, -2, -20, 0, 0});
  CHECK(x.square().sum().item<double>() == doctest::Approx(y.square().sum().item<double>()));
}
