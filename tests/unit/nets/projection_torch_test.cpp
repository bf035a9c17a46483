#include "cnf/nets/projection.hpp"

#include "cnf/libtorch.hpp"
#include "cnf/testing/perturb.hpp"
#include "support/doctest.hpp"
#include "support/random_tensor.hpp"

namespace {

using namespace cnf;
using B = libtorch::Backend;

template <class Net, class In, class Condition, int Out>
void equals_plain(int padding) {
  torch::nn::Module module;
  const typename Net::template Bound<B, In, Condition, Out> net{Scope<B>(module, 1)};
  const auto z = random_batch<In>(3, 1);
  const auto h = random_batch<Condition>(3, 2);
  CHECK(largest(net(z, h).data) == 0);  // zero at the start

  testing::perturb<libtorch::Backend>(module, 1, 0.3);
  std::vector<at::Tensor> weights;
  long count = 0;
  const auto p = module.named_parameters();
  for (const auto* name : {"weight", "features"})
    if (p.contains(name)) weights.push_back(p[name]);
  for (const auto& item : p) count += long(item.value().numel());
  const auto expected = at::conv2d(at::cat({z.data, h.data}, 1), at::cat(weights, 1), p["bias"], 1, padding);
  CHECK(difference(net(z, h).data, expected) < 1e-12);
  CHECK(count == Net::template On<In, Condition, Out>::parameters);
}

}  // namespace

TEST_CASE("Projection is one convolution of the concatenation [z, h]") {
  equals_plain<Projection<>, Shape<3, 5, 4>, Shape<2, 5, 4>, 6>(1);
  equals_plain<Projection<>, Shape<3, 5, 4>, Shape<0, 5, 4>, 6>(1);
  equals_plain<Projection<>, Shape<0, 5, 4>, Shape<2, 5, 4>, 4>(1);
  equals_plain<Projection<1>, Shape<4>, Shape<3>, 8>(0);
}
