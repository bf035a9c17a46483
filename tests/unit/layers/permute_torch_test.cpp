#include "cnf/layers/permute.hpp"

#include "cnf/testing/check_layer.hpp"
#include "support/doctest.hpp"
#include "support/random_tensor.hpp"

namespace {

using B = cnf::libtorch::Backend;

/// Channels of y when channel i of x holds the number i.
template <class Spec, int C>
std::vector<double> order() {
  using In = cnf::Shape<C>;
  torch::nn::Module module;
  const cnf::bound_t<Spec, B, In, cnf::Features<>> layer{cnf::Scope<B>(module, 0)};
  const auto x = at::arange(C, at::kDouble).view({1, C, 1, 1});
  return B::to_host(layer.forward(cnf::Batch<B, In>(x), {}).y.data);
}

}  // namespace

TEST_CASE("Permute, Reverse and Swap keep the layer contract") {
  using cnf::Permute, cnf::Reverse, cnf::Shape, cnf::testing::check_layer;
  for (const auto& report :
       {check_layer<Permute<2, 0, 1>, Shape<3>>(), check_layer<Permute<0>, Shape<1, 2, 2>>(),
        check_layer<Permute<3, 1, 0, 2>, Shape<4, 2, 1>>(), check_layer<Reverse, Shape<1>>(),
        check_layer<Reverse, Shape<5, 2, 2>>(),
        check_layer<Reverse, Shape<4, 2, 2>, cnf::Features<Shape<1, 2, 2>>>(),
        check_layer<cnf::Swap, Shape<5, 2, 2>>(), check_layer<cnf::Swap, Shape<1>>()})
    CHECK_MESSAGE(report.ok(), report.text());
}

TEST_CASE("Permute: output channel i is input channel Source[i]") {
  CHECK(order<cnf::Permute<2, 0, 1>, 3>() == std::vector<double>{2, 0, 1});
  CHECK(order<cnf::Permute<1, 3, 0, 2>, 4>() == std::vector<double>{1, 3, 0, 2});
}

TEST_CASE("Reverse: the last channel first") {
  CHECK(order<cnf::Reverse, 4>() == std::vector<double>{3, 2, 1, 0});
  CHECK(order<cnf::Reverse, 5>() == std::vector<double>{4, 3, 2, 1, 0});
}

TEST_CASE("Swap: the second half first") {
  CHECK(order<cnf::Swap, 4>() == std::vector<double>{2, 3, 0, 1});
  CHECK(order<cnf::Swap, 5>() == std::vector<double>{2, 3, 4, 0, 1});
}
