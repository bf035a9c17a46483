#include "cnf/nets/instance_norm_net.hpp"

#include "cnf/libtorch.hpp"
#include "cnf/testing/perturb.hpp"
#include "support/doctest.hpp"
#include "support/random_tensor.hpp"

using namespace cnf;
using B = libtorch::Backend;
using Net = InstanceNormNet<5>;
using In = Shape<2, 4, 3>;
using Condition = Shape<3, 4, 3>;

TEST_CASE("InstanceNormNet is conv, InstanceNorm, ReLU, conv on [z, h], and starts at zero") {
  torch::nn::Module module;
  const Net::Bound<B, In, Condition, 4> net{Scope<B>(module, 1)};
  const auto z = random_batch<In>(3, 1);
  const auto h = random_batch<Condition>(3, 2);
  CHECK(largest(net(z, h).data) == 0);
  testing::perturb<libtorch::Backend>(module, 1, 0.3);

  long count = 0;
  for (const auto& p : module.parameters()) count += long(p.numel());
  CHECK(count == Net::On<In, Condition, 4>::parameters);

  auto p = module.named_parameters();
  const auto hidden = at::conv2d(at::cat({z.data, h.data}, 1),
                                 at::cat({p["conv1.weight"], p["conv1.features"]}, 1), p["conv1.bias"], 1, 1);
  const auto mean = hidden.mean({2, 3}, true);
  const auto variance = (hidden - mean).square().mean({2, 3}, true);
  const auto expected = at::conv2d(at::relu((hidden - mean) / at::sqrt(variance + 1e-5)), p["conv2.weight"],
                                   p["conv2.bias"], 1, 1);
  CHECK(difference(net(z, h).data, expected) < 1e-12);
}

TEST_CASE("InstanceNormNet does not see brightness and contrast of its hidden maps, nor other samples") {
  torch::nn::Module module;
  const Net::Bound<B, In, with_channels<In, 0>, 4> net{Scope<B>(module, 1)};
  testing::perturb<libtorch::Backend>(module, 1, 0.3);
  module.named_parameters()["conv1.bias"].data().zero_();
  const auto z = random_batch<In>(2, 3, 10);
  const Batch<B, In> brighter(z.data * 7);
  CHECK(difference(net(z, {}).data, net(brighter, {}).data) < 1e-4);  // but for the epsilon
  const Batch<B, In> alone(z.data.narrow(0, 1, 1));
  CHECK(difference(net(z, {}).data.narrow(0, 1, 1), net(alone, {}).data) < 1e-12);
}
