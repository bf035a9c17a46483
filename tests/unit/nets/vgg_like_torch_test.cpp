#include "cnf/nets/vgg_like.hpp"

#include "cnf/libtorch.hpp"
#include "cnf/testing/perturb.hpp"
#include "support/doctest.hpp"
#include "support/random_tensor.hpp"

namespace {

using namespace cnf;
using B = libtorch::Backend;
using In = Shape<4, 8, 12>;

at::Tensor normalised(const at::Tensor& x) {
  const auto mean = x.mean({2, 3}, true);
  return (x - mean) / at::sqrt((x - mean).square().mean({2, 3}, true) + 1e-5);
}

template <bool Literal>
void is_the_network_of_the_paper() {
  using Net = VggLike<3, 5, 6, Literal>;
  static_assert(
      std::is_same_v<typename Net::template On<In>::output, Features<Shape<5, 4, 6>, Shape<6, 2, 3>>>);
  torch::nn::Module module;
  const typename Net::template Bound<B, In> net{Scope<B>(module, 1)};
  testing::perturb<libtorch::Backend>(module, 1, 0.2);
  auto p = module.named_parameters();
  const auto conv = [&](const std::string& name, const at::Tensor& x) {
    return at::conv2d(x, p[name + ".weight"], p[name + ".bias"], 1, 1);
  };
  const auto block = [&](const std::string& name, const at::Tensor& x) {
    return conv(name, at::relu(normalised(x)));
  };
  const auto x = random_batch<In>(2, 1);
  const auto first = Literal ? block("layer1", x.data) : conv("layer1", x.data);
  const auto h1 = block("layer4", block("layer3", at::max_pool2d(first, 2)));
  const auto h2 = block("layer7", block("layer6", at::max_pool2d(h1, 2)));
  const auto maps = net(x);
  CHECK(difference(maps.data[0], h1) < 1e-12);
  CHECK(difference(maps.data[1], h2) < 1e-12);
  long count = 0;
  for (const auto& q : module.parameters()) count += long(q.numel());
  CHECK(count == Net::template On<In>::parameters);
}

}  // namespace

TEST_CASE("VggLike is seven layers with maps after the fourth and the seventh, plain or literal") {
  is_the_network_of_the_paper<false>();
  is_the_network_of_the_paper<true>();
}

TEST_CASE("VggLike counts its multiply-adds") {
  using On = VggLike<32, 64, 64>::On<Shape<3, 8, 8>>;
  CHECK(On::multiply_adds == 64 * 27 * 32 + 16 * 9 * (32 * 64 + 64 * 64) + 4 * 9 * (64 * 64 * 2));
  static_assert(!VggLike<>::On<Shape<3, 6, 8>>::valid);
}
