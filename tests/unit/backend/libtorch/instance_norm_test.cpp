// The kernels of InstanceNorm against the same in LibTorch's operations.
#include "cnf/backend/libtorch/instance_norm.hpp"

#include "support/doctest.hpp"
#include "support/random_tensor.hpp"

namespace {

using cnf::libtorch::InstanceNorm;
using cnf::libtorch::detail::instance_norm_composed;

void agree(const at::Tensor& input, double tolerance) {
  const auto weights = random_tensor(input.sizes(), 2).to(input.scalar_type());
  std::vector<at::Tensor> results, gradients;
  for (const bool kernel : {false, true}) {
    const auto x = input.detach().clone().requires_grad_();
    const auto y = kernel ? InstanceNorm::apply(x) : instance_norm_composed(x.to(at::kDouble));
    (y * weights).sum().backward();
    results.push_back(y.detach().to(at::kDouble));
    gradients.push_back(x.grad().to(at::kDouble));
  }
  CHECK(largest(results[0]) > 0.5);
  CHECK(difference(results[0], results[1]) < tolerance);
  CHECK(difference(gradients[0], gradients[1]) < tolerance * std::max(1.0, largest(gradients[0])));
}

}  // namespace

TEST_CASE("kernels of InstanceNorm are right for every type, layout and number of threads") {
  const int threads = at::get_num_threads();
  for (const int n : {1, 2}) {
    at::set_num_threads(n);
    for (const auto& x :
         {random_tensor({2, 3, 5, 7}, 1), random_tensor({3, 1, 40, 41}, 1),
          random_tensor({1, 33, 64, 48}, 1) + 5, random_tensor({2, 4, 6, 6}, 1).transpose(2, 3)}) {
      agree(x, 1e-10);
      agree(x.to(at::kFloat), 1e-4);
      agree(x.to(at::kBFloat16), 4e-2);
    }
  }
  at::set_num_threads(threads);
}

TEST_CASE("gradients of InstanceNorm's gradients are those of the formula") {
  std::vector<at::Tensor> second;
  for (const bool kernel : {false, true}) {
    const auto x = random_tensor({2, 3, 4, 4}, 1).requires_grad_();
    const auto y = kernel ? InstanceNorm::apply(x) : instance_norm_composed(x);
    const auto gradient =
        torch::autograd::grad({y.pow(3).sum()}, {x}, {}, /*retain_graph=*/true, /*create_graph=*/true)[0];
    second.push_back(torch::autograd::grad({gradient.square().sum()}, {x})[0]);
  }
  CHECK(largest(second[0]) > 0.1);
  CHECK(difference(second[0], second[1]) < 1e-9 * largest(second[0]));
}
