#include "cnf/layers/squeeze.hpp"

#include "cnf/testing/check_layer.hpp"
#include "support/doctest.hpp"
#include "support/random_tensor.hpp"

TEST_CASE("Squeeze keeps the layer contract") {
  using cnf::testing::check_layer;
  for (const auto& report :
       {check_layer<cnf::Squeeze, cnf::Shape<1, 2, 2>>(), check_layer<cnf::Squeeze, cnf::Shape<3, 4, 6>>(),
        check_layer<cnf::Squeeze, cnf::Shape<2, 2, 4>, cnf::Features<cnf::Shape<1, 2, 4>>>()})
    CHECK_MESSAGE(report.ok(), report.text());
}

TEST_CASE("Squeeze: channel c of pixel (2y + dy, 2x + dx) becomes channel c*4 + dy*2 + dx of pixel (y, x)") {
  using B = cnf::libtorch::Backend;
  using In = cnf::Shape<2, 4, 6>;
  torch::nn::Module module;
  const cnf::Squeeze::Bound<B, In, cnf::Features<>> layer{cnf::Scope<B>(module, 0)};
  // the number in a pixel says where it is: sample, channel, row, column
  auto x = at::empty({2, 2, 4, 6}, at::kDouble);
  for (int n = 0; n < 2; ++n)
    for (int c = 0; c < 2; ++c)
      for (int row = 0; row < 4; ++row)
        for (int column = 0; column < 6; ++column)
          x[n][c][row][column] = 1000 * n + 100 * c + 10 * row + column;
  const auto y = layer.forward(cnf::Batch<B, In>(x), {}).y.data;
  REQUIRE(y.sizes() == at::IntArrayRef({2, 8, 2, 3}));
  for (int n = 0; n < 2; ++n)
    for (int c = 0; c < 2; ++c)
      for (int dy = 0; dy < 2; ++dy)
        for (int dx = 0; dx < 2; ++dx)
          for (int row = 0; row < 2; ++row)
            for (int column = 0; column < 3; ++column)
              CHECK(y[n][4 * c + 2 * dy + dx][row][column].item<int>() ==
                    1000 * n + 100 * c + 10 * (2 * row + dy) + 2 * column + dx);
}
