// Extractors of vectors and labels: MlpExtractor, Embedding, Broadcast, and Both of two.
#include "cnf/core.hpp"
#include "cnf/libtorch.hpp"
#include "support/doctest.hpp"
#include "support/random_tensor.hpp"

using namespace cnf;
using B = libtorch::Backend;

TEST_CASE("MlpExtractor is linear maps with ReLU between them") {
  using Net = MlpExtractor<6, 5, 4>;
  using In = Shape<3>;
  torch::nn::Module module;
  const Net::Bound<B, In> net{Scope<B>(module, 1)};
  const auto x = random_batch<In>(4, 1);
  const auto p = module.named_parameters();
  const auto linear = [&](const at::Tensor& a, const std::string& i) {
    return a.matmul(p[i + ".weight"].flatten(1).t()) + p[i + ".bias"];
  };
  const auto y = linear(at::relu(linear(at::relu(linear(x.data.flatten(1), "0")), "1")), "2");
  CHECK(difference(net(x).data[0].flatten(1), y) < 1e-12);
  CHECK(Net::On<In>::parameters == (3 * 6 + 6) + (6 * 5 + 5) + (5 * 4 + 4));
  CHECK(describe<Net>() == "MlpExtractor<6, 5, 4>");
}

TEST_CASE("Embedding: a row of its table for each label, which learns") {
  using Net = Embedding<5, 3>;
  torch::nn::Module module;
  const Net::Bound<B, Shape<1, 1, 2>> net{Scope<B>(module, 1)};
  const auto labels = at::tensor({4.0, 0.0, 2.0, 4.0}, at::kDouble).view({2, 1, 1, 2});
  const auto y = net(Batch<B, Shape<1, 1, 2>>(labels)).data[0];
  const auto table = module.parameters()[0];
  REQUIRE(y.sizes() == at::IntArrayRef({2, 3, 1, 2}));
  for (int n = 0; n < 2; ++n)
    for (int w = 0; w < 2; ++w)
      CHECK(y[n].select(2, w).flatten().equal(table[labels[n][0][0][w].item<int>()]));
  y.sum().backward();
  CHECK(B::to_host(table.grad().sum(1)) == std::vector<double>{3, 0, 3, 0, 6});
}

TEST_CASE("Broadcast: the vector at every pixel of every map") {
  using Net = Broadcast<Pyramid<4, 6, 2>>;
  torch::nn::Module module;
  const Net::Bound<B, Shape<3>> net{Scope<B>(module, 1)};
  const auto x = random_batch<Shape<3>>(2, 1);
  const auto maps = net(x, {4, 6});
  REQUIRE(maps.data[0].sizes() == at::IntArrayRef({2, 3, 4, 6}));
  REQUIRE(maps.data[1].sizes() == at::IntArrayRef({2, 3, 2, 3}));
  for (const auto& map : maps.data) CHECK(largest(map - x.data) == 0);
  CHECK(describe<Net>() == "Broadcast<Pyramid<4x6, 2>, Passthrough>");
}

TEST_CASE("Both: maps of one resolution join their channels, others stand beside them") {
  using Net = Both<Broadcast<Pyramid<4, 4, 2>>, Broadcast<Pyramid<2, 2, 2>, MlpExtractor<5>>>;
  using In = Pair<Shape<3>, Shape<2>>;
  static_assert(
      std::is_same_v<Net::On<In>::output, Features<Shape<3, 4, 4>, Shape<8, 2, 2>, Shape<5, 1, 1>>>);
  torch::nn::Module module;
  const Net::Bound<B, In> net{Scope<B>(module, 1)};
  const input_t<B, In> x{random_batch<Shape<3>>(2, 1), random_batch<Shape<2>>(2, 2)};
  const auto maps = net(x, {4, 4});
  const auto vector = net.second.extractor(x.second).data[0];
  CHECK(difference(maps.data[1].narrow(1, 0, 3), x.first.data.expand({2, 3, 2, 2})) == 0);
  CHECK(difference(maps.data[1].narrow(1, 3, 5), vector.expand({2, 5, 2, 2})) == 0);
  CHECK(difference(maps.data[2], vector) == 0);
}
