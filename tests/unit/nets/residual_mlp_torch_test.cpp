#include "cnf/nets/residual_mlp.hpp"

#include "cnf/libtorch.hpp"
#include "cnf/testing/perturb.hpp"
#include "support/doctest.hpp"
#include "support/random_tensor.hpp"

using namespace cnf;
using B = libtorch::Backend;

TEST_CASE("ResidualMlp is linear maps of normalised numbers, and starts at zero") {
  using In = Shape<2, 1, 3>;
  using Condition = Shape<3, 1, 3>;
  using Net = ResidualMlp<7, 1>;
  torch::nn::Module module;
  const Net::Bound<B, In, Condition, 4> net{Scope<B>(module, 1)};
  const auto z = random_batch<In>(3, 1);
  const auto h = random_batch<Condition>(3, 2);
  CHECK(largest(net(z, h).data) == 0);
  testing::perturb<B>(module, 1, 0.3);

  long count = 0;
  for (const auto& p : module.parameters()) count += long(p.numel());
  CHECK(count == Net::On<In, Condition, 4>::parameters);
  CHECK(Net::On<In, Condition, 4>::multiply_adds == 3 * (5 * 7 + 2 * 7 * 7 + 7 * 4));

  const auto p = module.named_parameters();
  const auto step = [&](const at::Tensor& x, const std::string& name) {
    const auto centred = x - x.mean(1, true);
    const auto normal = centred / (centred.square().mean(1, true) + 1e-5).sqrt();
    const auto column = [&](const std::string& which) { return p[name + which].view({1, -1, 1, 1}); };
    return at::conv2d(at::relu(normal * column(".norm_scale") + column(".norm_shift")), p[name + ".weight"],
                      p[name + ".bias"]);
  };
  auto a = at::conv2d(at::cat({z.data, h.data}, 1), at::cat({p["start.weight"], p["start.features"]}, 1),
                      p["start.bias"]);
  a = a + step(step(a, "blocks.0.0"), "blocks.0.1");
  const auto y = net(z, h).data;
  CHECK(difference(y, step(a, "end")) < 1e-12);
  CHECK(largest(y) > 0.1);
}
