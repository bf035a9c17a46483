#include "cnf/nets/rrdb.hpp"

#include "cnf/compose/repeat.hpp"
#include "cnf/compose/sequential.hpp"
#include "cnf/layers/actnorm.hpp"
#include "cnf/layers/affine_coupling.hpp"
#include "cnf/layers/invconv1x1.hpp"
#include "cnf/layers/prior.hpp"
#include "cnf/layers/split.hpp"
#include "cnf/layers/squeeze.hpp"
#include "cnf/libtorch.hpp"
#include "cnf/nets/conv_net.hpp"
#include "cnf/testing/perturb.hpp"
#include "support/doctest.hpp"
#include "support/random_tensor.hpp"

namespace {

using namespace cnf;
using B = libtorch::Backend;

/// ESRGAN's network written as its paper draws it, by names of parameters.
struct Plain {
  torch::OrderedDict<std::string, at::Tensor> p;

  at::Tensor conv(const std::string& name, const at::Tensor& x, int stride = 1) const {
    return at::conv2d(x, p[name + ".weight"], p[name + ".bias"], stride, stride == 1 ? 1 : 0);
  }
  at::Tensor dense_block(const std::string& name, const at::Tensor& x) const {
    std::vector<at::Tensor> seen{x};
    for (int i = 0; i < 4; ++i)
      seen.push_back(at::leaky_relu(conv(name + "." + std::to_string(i), at::cat(seen, 1)), 0.2));
    return x + 0.2 * conv(name + ".4", at::cat(seen, 1));
  }
  std::vector<at::Tensor> maps(const at::Tensor& x, int blocks, int levels) const {
    const auto start = conv("first", x);
    auto body = start;
    for (int i = 0; i < blocks; ++i) {
      auto inner = body;
      for (int j = 0; j < 3; ++j)
        inner = dense_block("blocks." + std::to_string(i) + "." + std::to_string(j), inner);
      body = body + 0.2 * inner;
    }
    std::vector<at::Tensor> all{at::leaky_relu(start + conv("trunk", body), 0.2)};
    for (int level = 1; level < levels; ++level)
      all.push_back(at::leaky_relu(conv("down." + std::to_string(level), all.back(), 2), 0.2));
    return all;
  }
};

}  // namespace

TEST_CASE("Rrdb is the network of ESRGAN, with one map per level") {
  using Net = Rrdb<2, 3, 5, 3>;
  using In = Shape<3, 8, 4>;
  torch::nn::Module module;
  const Net::Bound<B, In> net{Scope<B>(module, 1)};
  testing::perturb<libtorch::Backend>(module, 1, 0.05);
  const auto x = random_batch<In>(2, 1);
  const auto maps = net(x);
  const auto expected = Plain{module.named_parameters()}.maps(x.data, 2, 3);
  REQUIRE(maps.data.size() == 3);
  CHECK((maps.get<2>().data.sizes() == at::IntArrayRef({2, 5, 2, 1})));
  for (std::size_t i = 0; i < 3; ++i) {
    CHECK(difference(maps.data[i], expected[i]) < 1e-12);
    CHECK(largest(maps.data[i]) > 0.01);
  }
  long count = 0;
  for (const auto& p : module.parameters()) count += long(p.numel());
  CHECK(count == Net::On<In>::parameters);
}

TEST_CASE("the paper's numbers of parameters") {
  using X = Shape<3, dynamic / 2, dynamic / 2>;
  using Y = Shape<3, dynamic, dynamic>;
  using Maps = Rrdb<16, 32, 128, 2>::On<X>::output;
  CHECK(std::is_same_v<Maps,
                       Features<Shape<128, dynamic / 2, dynamic / 2>, Shape<128, dynamic / 4, dynamic / 4>>>);
  CHECK(double(Rrdb<16, 32, 128, 2>::On<X>::parameters) == doctest::Approx(24.1e6).epsilon(0.002));

  using Level = Sequential<Squeeze, Repeat<8, Sequential<ActNorm, InvConv1x1, AffineCoupling<ConvNet<512>>>>>;
  constexpr long flow = parameter_count<Sequential<Level, Split, Level, Prior>, Y, Maps>;
  CHECK(double(flow) == doctest::Approx(15.7e6).epsilon(0.01));
  // growth 55 gives the factorised baseline the same budget
  CHECK(double(Rrdb<16, 55, 128, 1>::On<X>::parameters) ==
        doctest::Approx(double(flow + Rrdb<16, 32, 128, 2>::On<X>::parameters)).epsilon(0.02));
}
