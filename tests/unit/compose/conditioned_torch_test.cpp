// Shared convolutions of feature maps against those that each network does for itself.
#include "cnf/compose/conditioned.hpp"

#include <utility>
#include <vector>

#include "support/doctest.hpp"
#include "support/models.hpp"
#include "support/random_tensor.hpp"

namespace {

using namespace cnf;
using B = libtorch::Backend;

using Step = Sequential<ActNorm, InvConv1x1, AffineCoupling<ConvNet<8>>>;
using Other = Sequential<InvConv1x1, AdditiveCoupling<InstanceNormNet<4>>, AffineCoupling<ConvNet<4, 1>>>;
using Flow = Sequential<Squeeze, Repeat<3, Step>, Split, Squeeze, Repeat<2, Other>, Prior>;
using In = Shape<3, 8, 8>;
using F = Features<Shape<4, 4, 4>, Shape<5, 2, 2>>;

struct Bound {
  torch::nn::Module module;
  Conditioned<Flow, B, In, F> part{Scope<B>(module, 1)};
  Maps<B, F> maps;

  explicit Bound(long inputs)
      : maps{.data = {random_tensor({inputs, 4, 4, 4}, 2), random_tensor({inputs, 5, 2, 2}, 3)}} {
    testing::perturb<B>(module, 5, 0.2);
    testing::mark_initialised<B>(module);
  }
};

/// Of each convolution: how many networks it is for, and how many of them have a share.
std::vector<std::pair<int, int>> shares_of(const Conditioned<Flow, B, In, F>& part, const Maps<B, F>& maps) {
  std::vector<std::pair<int, int>> all;
  const auto prepared = part.prepare(maps).prepared;
  const auto& groups = part.conditions->groups();
  for (int g = 0; g < int(groups.size()); ++g) {
    auto& [networks, shares] = all.emplace_back(int(groups[std::size_t(g)].weights.size()), 0);
    for (int place = 0; place < networks; ++place) shares += prepared->share({g, place}).has_value();
  }
  return all;
}

}  // namespace

TEST_CASE("each map is convolved once for all networks with the same kernel") {
  const Bound bound(2);
  using Expected = std::vector<std::pair<int, int>>;
  // 3 steps and the split at 4x4; 2 InstanceNormNets, 2 networks of 1x1 convolutions at 2x2; the prior there,
  // which is alone, only without gradients
  CHECK(shares_of(bound.part, bound.maps) == Expected{{4, 4}, {2, 2}, {2, 2}, {1, 0}});
  at::NoGradGuard no_grad;
  CHECK(shares_of(bound.part, bound.maps) == Expected{{4, 4}, {2, 2}, {2, 2}, {1, 1}});
}

TEST_CASE("shares are made when they are needed; a pass with gradients leaves none, sampling keeps all") {
  const Bound bound(2);
  const auto x = random_batch<In>(2, 5);
  const auto h = bound.part.prepare(bound.maps);
  CHECK(h.prepared->held() == 0);
  for (int pass = 0; pass < 2; ++pass) {
    bound.part.flow.forward(x, h);
    CHECK(h.prepared->held() == 0);
  }
  h.prepared->share({0, 1});
  CHECK(h.prepared->held() == 1);

  at::NoGradGuard no_grad;
  const auto out = bound.part.flow.forward(x, h);
  CHECK(h.prepared->held() == 4);
  CHECK(difference(bound.part.flow.inverse(out.y, out.latents, h).data, x.data) < 1e-8);
  CHECK(h.prepared->held() == 4);
}

TEST_CASE("shared convolutions change neither results nor gradients") {
  std::vector<std::vector<at::Tensor>> results;
  for (const bool shared : {false, true}) {
    Bound bound(2);
    const auto x = random_tensor({2, 3, 8, 8}, 5).requires_grad_();
    for (auto& map : bound.maps.data) map.requires_grad_();
    const auto h = shared ? bound.part.prepare(bound.maps) : bound.maps;
    const auto out = bound.part.flow.forward(Batch<B, In>(x), h);
    (out.y.data.square().sum() + out.latents.data[0].sum() + out.log_det.sum()).backward();
    auto& all = results.emplace_back(std::vector{out.y.data, out.latents.data[0], out.log_det, x.grad()});
    for (const auto& map : bound.maps.data) all.push_back(map.grad());
    for (const auto& p : bound.module.named_parameters()) all.push_back(p.value().grad());
    all.push_back(bound.part.flow.inverse(out.y, out.latents, h).data);
    CHECK(difference(all.back(), x) < 1e-8);
  }
  REQUIRE(results[0].size() == results[1].size());
  for (std::size_t i = 0; i < results[0].size(); ++i) {
    CAPTURE(i);
    CHECK(difference(results[0][i], results[1][i]) < 1e-9 * std::max(1.0, largest(results[0][i])));
  }
}

TEST_CASE("maps prepared without gradients serve a pass with them") {
  Bound bound(2);
  const auto x = random_batch<In>(2, 5);
  std::vector<at::Tensor> gradients;
  for (const bool before : {false, true}) {
    at::AutoGradMode mode(!before);
    const auto h = bound.part.prepare(bound.maps);
    at::AutoGradMode with_gradients(true);
    bound.module.zero_grad();
    const auto out = bound.part.flow.forward(x, h);
    (out.y.data.square().sum() + out.log_det.sum()).backward();
    std::vector<at::Tensor> all;
    for (const auto& p : bound.module.parameters()) all.push_back(p.grad().flatten().clone());
    gradients.push_back(at::cat(all));
  }
  CHECK(largest(gradients[0]) > 0);
  CHECK(difference(gradients[0], gradients[1]) < 1e-9 * largest(gradients[0]));
}

TEST_CASE("many samples of one input read what was computed once for it") {
  const Bound bound(2);
  at::NoGradGuard no_grad;
  auto few = bound.part.prepare(bound.maps);
  auto repeated = bound.maps;
  for (std::size_t i = 0; i < 2; ++i)
    few.data[i] = repeated.data[i] = B::repeat_samples(bound.maps.data[i], 3);
  const auto many = bound.part.prepare(repeated);
  const Batch<B, output_t<Flow, In, F>> y(random_tensor({6, 24, 2, 2}, 6));
  const Maps<B, Latents<Shape<6, 4, 4>>> latents{.data = {random_tensor({6, 6, 4, 4}, 7)}};
  CHECK(difference(bound.part.flow.inverse(y, latents, few).data,
                   bound.part.flow.inverse(y, latents, many).data) < 1e-12);
}

TEST_CASE("nothing is shared for layers that the backward pass rebuilds, while gradients are recorded") {
  torch::nn::Module module;
  const Conditioned<Flow, B, In, F> part{Scope<B>(module, 1).rebuilt()};
  const Bound bound(2);
  using Expected = std::vector<std::pair<int, int>>;
  CHECK(shares_of(part, bound.maps) == Expected{{4, 0}, {3, 0}, {2, 0}});
  at::NoGradGuard no_grad;
  CHECK(shares_of(part, bound.maps) == Expected{{4, 4}, {3, 3}, {2, 2}});
}
