#include "cnf/core/inputs.hpp"

#include "cnf/eigen.hpp"
#include "support/doctest.hpp"

using namespace cnf;

TEST_CASE("inputs as text, and with the size of a target") {
  using In = Pair<Shape<3, dynamic / 2, dynamic / 2>, Pair<Shape<1>, Nothing>>;
  CHECK(input_text<In>() == "(3xH/2xW/2, (1x1x1, nothing))");
  CHECK(input_text<resolved_input<In, 8, 6>>() == "(3x4x3, (1x1x1, nothing))");
}

TEST_CASE("the tensors of an input are visited in order") {
  using B = eigen::Backend<double>;
  using In = Pair<Shape<2>, Pair<Shape<1>, Shape<3>>>;
  input_tensors_t<B, In> x;
  std::vector<int> channels;
  for_each_input<In>(x, [&]<class S>(B::Tensor& t) {
    channels.push_back(S::channels);
    t = B::Tensor(1, 1, 1, B::Tensor::Values::Zero(S::channels, 1));
  });
  CHECK(channels == std::vector<int>{2, 1, 3});
  const auto batches = input_from<B, In>(x, []<class S>(const B::Tensor& t) { return Batch<B, S>(t); });
  CHECK(batches.second.second.data.channels() == 3);
}
