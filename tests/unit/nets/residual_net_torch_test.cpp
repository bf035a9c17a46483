#include "cnf/nets/residual_net.hpp"

#include "cnf/libtorch.hpp"
#include "cnf/testing/perturb.hpp"
#include "support/doctest.hpp"
#include "support/random_tensor.hpp"

using namespace cnf;
using B = libtorch::Backend;
using In = Shape<2, 5, 4>;
using Condition = Shape<3, 5, 4>;

TEST_CASE("ResidualNet is convolutions with blocks that add to what they see, and starts at zero") {
  using Net = ResidualNet<7, 2>;
  torch::nn::Module module;
  const Net::Bound<B, In, Condition, 6> net{Scope<B>(module, 1)};
  const auto z = random_batch<In>(3, 1);
  const auto h = random_batch<Condition>(3, 2);
  CHECK(largest(net(z, h).data) == 0);
  testing::perturb<B>(module, 1, 0.3);

  long count = 0;
  for (const auto& p : module.parameters()) count += long(p.numel());
  CHECK(count == Net::On<In, Condition, 6>::parameters);
  CHECK(count == (5 * 7 * 9 + 7) + 4 * (7 * 7 * 9 + 7) + (7 * 6 * 9 + 6));
  CHECK(Net::On<In, Condition, 6>::multiply_adds == 20 * 9 * (5 * 7 + 4 * 7 * 7 + 7 * 6));

  const auto p = module.named_parameters();
  const auto conv = [&](const at::Tensor& x, const std::string& name) {
    return at::conv2d(x, p[name + ".weight"], p[name + ".bias"], 1, 1);
  };
  auto a = at::conv2d(at::cat({z.data, h.data}, 1), at::cat({p["conv1.weight"], p["conv1.features"]}, 1),
                      p["conv1.bias"], 1, 1);
  for (const std::string block : {"blocks.0", "blocks.1"})
    a = a + conv(at::relu(conv(at::relu(a), block + ".conv1")), block + ".conv2");
  const auto y = net(z, h).data;
  CHECK(difference(y, conv(at::relu(a), "conv2")) < 1e-12);
  CHECK(largest(y) > 0.1);
}
