#include "cnf/nets/conv_net.hpp"

#include "cnf/libtorch.hpp"
#include "cnf/testing/perturb.hpp"
#include "support/doctest.hpp"
#include "support/random_tensor.hpp"

namespace {

using namespace cnf;
using B = libtorch::Backend;

long trained(const torch::nn::Module& module) {
  long n = 0;
  for (const auto& p : module.parameters()) n += long(p.numel());
  return n;
}

/// conv, ReLU, conv1x1, ReLU, conv on the concatenation of z and h.
template <int Kernel>
at::Tensor plain(const torch::nn::Module& module, const at::Tensor& zh) {
  const auto p = module.named_parameters();
  at::Tensor first;
  if (p.contains("conv1.weight")) first = p["conv1.weight"];
  if (p.contains("conv1.features"))
    first = first.defined() ? at::cat({first, p["conv1.features"]}, 1) : p["conv1.features"];
  auto y = at::relu(at::conv2d(zh, first, p["conv1.bias"], 1, Kernel / 2));
  y = at::relu(at::conv2d(y, p["conv2.weight"], p["conv2.bias"]));
  return at::conv2d(y, p["conv3.weight"], p["conv3.bias"], 1, Kernel / 2);
}

template <class Net, class In, class Condition, int Out, int Kernel>
void equals_plain() {
  CAPTURE(Net::describe() + " on " + shape_text<In>() + " and " + shape_text<Condition>());
  torch::nn::Module module;
  const typename Net::template Bound<B, In, Condition, Out> net{Scope<B>(module, 1)};
  testing::perturb<libtorch::Backend>(module, 1, 0.3);
  const auto z = random_batch<In>(3, 1);
  const auto h = random_batch<Condition>(3, 2);
  const auto y = net(z, h).data;
  CHECK(difference(y, plain<Kernel>(module, at::cat({z.data, h.data}, 1))) < 1e-12);
  CHECK(largest(y) > 0.1);
  CHECK(trained(module) == Net::template On<In, Condition, Out>::parameters);
}

}  // namespace

TEST_CASE("ConvNet is plain convolutions of the concatenation [z, h]") {
  equals_plain<ConvNet<7>, Shape<3, 5, 4>, Shape<2, 5, 4>, 6, 3>();
  equals_plain<ConvNet<7>, Shape<3, 5, 4>, Shape<0, 5, 4>, 6, 3>();
  equals_plain<ConvNet<7>, Shape<0, 5, 4>, Shape<2, 5, 4>, 4, 3>();
  equals_plain<ConvNet<4, 5>, Shape<1, 6, 6>, Shape<2, 6, 6>, 2, 5>();
  equals_plain<Mlp<9>, Shape<3>, Shape<4>, 2, 1>();
}

TEST_CASE("ConvNet starts at zero, and its first layers don't") {
  torch::nn::Module module;
  const ConvNet<7>::Bound<B, Shape<3, 5, 4>, Shape<2, 5, 4>, 6> net{Scope<B>(module, 1)};
  CHECK(largest(net(random_batch<Shape<3, 5, 4>>(2, 1), random_batch<Shape<2, 5, 4>>(2, 2)).data) == 0);
  // uniform on +-1/sqrt(fan-in), the fan-in that of the concatenation
  for (const auto& p : {net.conv1.weight, net.conv1.features}) {
    CHECK(largest(p) <= 1 / std::sqrt(45.0));
    CHECK(largest(p) > 0.8 / std::sqrt(45.0));
  }
}

TEST_CASE("ConvNet counts the paper's coupling network") {
  // 6 + 128 channels in, 512 hidden, 12 out (level 1 of the RGB model)
  using On = ConvNet<512>::On<Shape<6, 16, 16>, Shape<128, 16, 16>, 12>;
  CHECK(On::parameters == (134 * 512 * 9 + 512) + (512 * 512 + 512) + (512 * 12 * 9 + 12));
  CHECK(On::multiply_adds == 256L * (134 * 512 * 9 + 512 * 512 + 512 * 12 * 9));
}
