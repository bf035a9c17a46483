#include "cnf/backend/libtorch/distributed/gradient_buckets.hpp"

#include <torch/nn/module.h>

#include "cnf/libtorch.hpp"
#include "support/doctest.hpp"
#include "support/error_of.hpp"
#include "support/models.hpp"
#include "support/random_tensor.hpp"

namespace {

using namespace cnf;

/// As if there were `size` processes with the same numbers; counts what is sent.
struct Same : distributed::Replicas {
  explicit Same(int size) : size_(size) {}
  int size() const override { return size_; }
  std::function<void()> begin_sum(at::Tensor t) override {
    ++begun;
    return [t, n = size_] { t.mul_(n); };
  }
  std::vector<std::string> gather(const std::string& mine) override {
    return std::vector<std::string>(std::size_t(size_), mine);
  }
  int size_, begun = 0;
};

std::vector<at::Tensor> gradients(const std::vector<at::Tensor>& parameters) {
  std::vector<at::Tensor> all;
  for (const auto& p : parameters) {
    all.push_back(p.grad().defined() ? p.grad().clone() : at::zeros_like(p));
    p.mutable_grad() = at::Tensor();
  }
  return all;
}

}  // namespace

TEST_CASE("gradients are summed, most of them before the backward pass ends") {
  const auto y = models::uniform_integers({3, 3, 8, 8}, 1);
  const auto x = at::avg_pool2d(y, 2) / 255 - 0.5;
  for (const bool reversible : {false, true}) {
    CAPTURE(reversible);
    libtorch::Model<models::Sr> model(
        {.seed = 1, .reversible = reversible, .placement = {.dtype = at::kDouble}});
    cnf::testing::make_ready(model);
    model.train();
    const auto parameters = model.parameters();
    const auto backward = [&] { model.given(x).bits_per_dim(y, {.seed = 1}).values.mean().backward(); };
    backward();
    const auto alone = gradients(parameters);
    Same replicas(3);
    distributed::GradientBuckets buckets(replicas, parameters, 2000);
    for (int pass = 0; pass < 3; ++pass) {
      buckets.begin();
      backward();
      buckets.finish();
      const auto sums = gradients(parameters);
      for (std::size_t i = 0; i < sums.size(); ++i) CHECK(difference(sums[i], 3 * alone[i]) < 1e-12);
    }
    CHECK(buckets.count() > 4);
    CHECK(replicas.begun == 3 * int(buckets.count()));
    CHECK(buckets.overlapped() > buckets.count() / 2);
  }
}

TEST_CASE("pieces before the last send nothing, a parameter without a gradient counts as zeros") {
  Same replicas(2);
  const auto a = at::ones({4}, at::kDouble).requires_grad_(), b = at::ones({2}, at::kDouble).requires_grad_();
  distributed::GradientBuckets buckets(replicas, {a, b}, 8);
  for (int pass = 0; pass < 2; ++pass) {
    (a * 2).sum().backward();
    const int before = replicas.begun;
    buckets.begin();
    (a * 3).sum().backward();
    buckets.finish();
    CHECK(replicas.begun == before + 2);
    CHECK(a.grad().eq(10).all().item<bool>());
    CHECK(b.grad().eq(0).all().item<bool>());
    gradients({a, b});
  }
  SUBCASE("a gradient that grows after it was sent is refused") {
    buckets.begin();
    (a * 1).sum().backward();
    (a * 1).sum().backward();
    CHECK(error_of([&] { buckets.finish(); }) ==
          "GradientBuckets: expected gradients that are added to as often as in the first step, got more");
  }
}

TEST_CASE("one process alone sends nothing, and hooks outlive the buckets harmlessly") {
  distributed::Replicas alone;
  const auto a = at::ones({4}, at::kDouble).requires_grad_();
  {
    distributed::GradientBuckets buckets(alone, {a});
    buckets.begin();
    a.sum().backward();
    buckets.finish();
    CHECK(a.grad().eq(1).all().item<bool>());
    Same two(2);
    distributed::GradientBuckets gone(two, {a});
  }
  a.sum().backward();
  CHECK(a.grad().eq(2).all().item<bool>());
}
