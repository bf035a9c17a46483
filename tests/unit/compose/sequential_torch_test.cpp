#include "cnf/compose/sequential.hpp"

#include "cnf/compose/repeat.hpp"
#include "cnf/layers/actnorm.hpp"
#include "cnf/layers/affine_coupling.hpp"
#include "cnf/layers/invconv1x1.hpp"
#include "cnf/layers/permute.hpp"
#include "cnf/layers/prior.hpp"
#include "cnf/layers/split.hpp"
#include "cnf/layers/squeeze.hpp"
#include "cnf/nets/conv_net.hpp"
#include "cnf/testing/check_layer.hpp"
#include "support/doctest.hpp"
#include "support/random_tensor.hpp"

namespace {

using namespace cnf;
using B = libtorch::Backend;

/// The paper's flow, with narrower networks.
template <int K>
using Level = Sequential<Squeeze, Repeat<K, Sequential<ActNorm, InvConv1x1, AffineCoupling<ConvNet<16>>>>>;
template <int K>
using Flow = Sequential<Level<K>, Split, Level<K>, Prior>;

using In = Shape<3, 16, 16>;
using F = Features<Shape<4, 8, 8>, Shape<5, 4, 4>>;

template <class Spec>
struct Bound {
  torch::nn::Module module;
  bound_t<Spec, B, In, F> layer{Scope<B>(module, 1).child("flow")};
  Maps<B, F> h{.data = {random_tensor({4, 4, 8, 8}, 2), random_tensor({4, 5, 4, 4}, 3)}};

  double round_trip(at::ScalarType dtype) {
    at::NoGradGuard no_grad;
    const auto x = random_batch<In>(4, 1);
    layer.forward(x, h);
    testing::perturb<libtorch::Backend>(module, 5, 0.03);
    module.eval();
    module.to(dtype);
    const Batch<B, In> input(x.data.to(dtype));
    Maps<B, F> maps;
    for (std::size_t i = 0; i < 2; ++i) maps.data[i] = h.data[i].to(dtype);
    const auto out = layer.forward(input, maps);
    const auto again = layer.inverse(out.y, out.latents, maps).data;
    CHECK(difference(out.y.data, at::zeros_like(out.y.data)) < 100);
    return difference(again, input.data) / input.data.abs().max().item<double>();
  }
};

}  // namespace

TEST_CASE("Sequential keeps the layer contract") {
  using testing::check_layer;
  for (const auto& report :
       {check_layer<Sequential<>, Shape<3, 2, 2>>(), check_layer<Sequential<Reverse>, Shape<3>>(),
        check_layer<Sequential<Squeeze, Reverse, Squeeze>, Shape<1, 4, 4>>(),
        check_layer<Sequential<Split, Split>, Shape<4, 2, 2>>(),
        check_layer<Sequential<Sequential<ActNorm, Split>, Sequential<Reverse, Prior>>, Shape<4, 2, 2>,
                    Features<Shape<1, 2, 2>>>({.expect_conditional = true})})
    CHECK_MESSAGE(report.ok(), report.text());
}

TEST_CASE("the paper's flow keeps the layer contract and reads every feature") {
  const auto report = testing::check_layer<Flow<2>, Shape<3, 4, 4>, Features<Shape<2, 2, 2>, Shape<3, 1, 1>>>(
      {.expect_conditional = true});
  CHECK_MESSAGE(report.ok(), report.text());
  CHECK(report.maps_read == std::vector<bool>{true, true});
}

TEST_CASE("the paper's flow, L = 2 and K = 8, round-trips") {
  CHECK(Bound<Flow<8>>().round_trip(at::kDouble) < 1e-6);
  CHECK(Bound<Flow<8>>().round_trip(at::kFloat) < 1e-3);
}

TEST_CASE("dotted names are stable: checkpoints depend on them") {
  const Bound<Flow<8>> bound;
  const auto p = bound.module.named_parameters(), buffers = bound.module.named_buffers();
  for (const auto* name :
       {"flow.0.1.0.0.log_scale", "flow.0.1.0.0.bias", "flow.0.1.3.1.weight", "flow.0.1.3.2.net.conv1.weight",
        "flow.0.1.3.2.net.conv1.features", "flow.0.1.3.2.net.conv1.bias", "flow.0.1.7.2.net.conv3.bias",
        "flow.1.net.weight", "flow.1.net.features", "flow.1.net.bias", "flow.2.1.7.2.net.conv2.weight",
        "flow.3.net.features", "flow.3.net.bias"}) {
    CAPTURE(name);
    CHECK(p.contains(name));
  }
  CHECK(buffers.contains("flow.2.1.7.0.initialised"));
  CHECK(p.size() == 2 * 8 * (2 + 1 + 7) + 3 + 2);
  CHECK(buffers.size() == 2 * 8);
  CHECK((p["flow.0.1.3.2.net.conv1.features"].sizes() == at::IntArrayRef({16, 4, 3, 3})));
}

TEST_CASE("latents come in the order in which the splits emit them") {
  torch::nn::Module module;
  using S = Shape<8>;
  const bound_t<Sequential<Split, Reverse, Split, Split>, B, S, Features<>> layer{Scope<B>(module, 1)};
  const Batch<B, S> x(at::arange(8, at::kDouble).view({1, 8, 1, 1}));
  const auto out = layer.forward(x, {});  // splits change nothing at the start
  REQUIRE(out.latents.data.size() == 3);
  CHECK(B::to_host(out.latents.get<0>().data) == std::vector<double>{4, 5, 6, 7});
  CHECK(B::to_host(out.latents.get<1>().data) == std::vector<double>{1, 0});
  CHECK(B::to_host(out.latents.get<2>().data) == std::vector<double>{2});
  CHECK(B::to_host(out.y.data) == std::vector<double>{3});
  CHECK(layer.inverse(out.y, out.latents, {}).data.equal(x.data));
}

TEST_CASE("log_dets add up, and those of volume-preserving layers cost nothing") {
  torch::nn::Module module;
  using S = Shape<4, 2, 2>;
  const bound_t<Sequential<Reverse, ActNorm, Prior>, B, S, Features<>> layer{Scope<B>(module, 1)};
  const auto x = random_batch<S>(3, 1, 4);
  layer.forward(x, {});
  testing::perturb<libtorch::Backend>(module, 1, 0.3);
  const auto p = module.named_parameters();
  const auto expected =
      4 * p["1.log_scale"].sum() - 4 * (3 * at::tanh(p["2.net.bias"].narrow(0, 4, 4) / 3)).sum();
  CHECK(difference(layer.forward(x, {}).log_det, expected.expand({3})) < 1e-12);

  using Free = Sequential<Reverse, Squeeze, Sequential<Reverse>>;
  torch::nn::Module other;
  const bound_t<Free, B, S, Features<>> free{Scope<B>(other, 1)};
  CHECK(std::is_same_v<decltype(free.forward(x, {}).log_det), NoLogDet>);
}
