#include "cnf/nets/u_shaped.hpp"

#include "cnf/libtorch.hpp"
#include "cnf/testing/perturb.hpp"
#include "support/doctest.hpp"
#include "support/random_tensor.hpp"

namespace {

using namespace cnf;
using B = libtorch::Backend;
using Net = UShaped<3, 5, 7>;

template <class In>
struct Fixture {
  torch::nn::Module module;
  Net::Bound<B, In> net{Scope<B>(module, 1)};
  Fixture() { testing::perturb<libtorch::Backend>(module, 1, 0.2); }
};

at::Tensor normalised(const at::Tensor& x) {
  const auto mean = x.mean({2, 3}, true);
  return (x - mean) / at::sqrt((x - mean).square().mean({2, 3}, true) + 1e-5);
}

}  // namespace

TEST_CASE("UShaped goes down to 1/8 and up again, with a map at 1/2 and at 1/4") {
  using In = Shape<4, 16, 8>;
  static_assert(std::is_same_v<Net::On<In>::output, Features<Shape<3, 8, 4>, Shape<5, 4, 2>>>);
  Fixture<In> f;
  auto p = f.module.named_parameters();
  const auto conv = [&](const std::string& name, const at::Tensor& x) {
    return at::conv2d(x, p[name + ".weight"], p[name + ".bias"], 1, 1);
  };
  const auto block = [&](const std::string& name, const at::Tensor& x) {
    return conv(name + ".conv", at::relu(normalised(x)));
  };
  const auto twice = [](const at::Tensor& x) { return x.repeat_interleave(2, 2).repeat_interleave(2, 3); };
  p = [&] {
    // blocks register their convolution under their own name
    torch::OrderedDict<std::string, at::Tensor> all;
    for (const auto& q : f.module.named_parameters()) {
      const auto dot = q.key().find('.');
      const bool stem = q.key().substr(0, dot) == "stem";
      all.insert(stem ? q.key() : q.key().substr(0, dot) + ".conv" + q.key().substr(dot), q.value());
    }
    return all;
  }();
  const auto x = random_batch<In>(2, 1);
  const auto half = block("half", conv("stem", at::pixel_unshuffle(x.data, 2)));
  const auto quarter = block("quarter", block("to_quarter", at::max_pool2d(half, 2)));
  const auto eighth = block("eighth", block("to_eighth", at::max_pool2d(quarter, 2)));
  const auto h2 = block("quarter_map", quarter + twice(block("up_to_quarter", eighth)));
  const auto h1 = block("half_map", half + twice(block("up_to_half", h2)));
  const auto maps = f.net(x);
  CHECK(difference(maps.data[0], h1) < 1e-12);
  CHECK(difference(maps.data[1], h2) < 1e-12);
  long count = 0;
  for (const auto& q : f.module.parameters()) count += long(q.numel());
  CHECK(count == Net::On<In>::parameters);
}

TEST_CASE("UShaped takes extents that divide by 4 and not by 8") {
  using In = Shape<4, 12, 20>;
  const Fixture<In> f;
  const auto maps = f.net(random_batch<In>(1, 2));
  CHECK(maps.data[0].sizes() == at::IntArrayRef({1, 3, 6, 10}));
  CHECK(maps.data[1].sizes() == at::IntArrayRef({1, 5, 3, 5}));
  CHECK(at::isfinite(maps.data[0]).all().item<bool>());
  static_assert(!Net::On<Shape<4, 10, 12>>::valid);
}

TEST_CASE("UShaped sees far: a pixel reaches further than VggLike's 1/4 map could") {
  using In = Shape<4, 64, 64>;
  const Fixture<In> f;
  auto x = random_batch<In>(1, 3);
  const auto before = f.net(x).data[0].clone();
  x.data[0][0][0][0] += 1e-2;
  // beyond the statistics of InstanceNorm, which see everything a little
  const at::Tensor change = (f.net(x).data[0] - before).abs().amax({0, 1});
  const double near = change.narrow(0, 0, 16).narrow(1, 0, 16).max().item<double>();
  CHECK(near > 0);
  CHECK(change[10][10].item<double>() > 0);
}
