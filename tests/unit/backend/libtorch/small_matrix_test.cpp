#include "cnf/backend/libtorch/small_matrix.hpp"

#include "support/doctest.hpp"
#include "support/random_tensor.hpp"

namespace {

namespace ours = cnf::libtorch;

/// Derivative of sum(weights * f(w)) along `direction`, by central differences.
template <class F>
double slope(const F& f, const at::Tensor& w, const at::Tensor& weights, const at::Tensor& direction) {
  const double step = 1e-6;
  return ((weights * (f(w + step * direction) - f(w - step * direction))).sum() / (2 * step))
      .template item<double>();
}

}  // namespace

TEST_CASE("log|det W| and W^-1 are LibTorch's") {
  for (const int n : {1, 2, 5, 24}) {
    CAPTURE(n);
    const auto w = random_tensor({n, n}, std::uint64_t(n)) + 3 * at::eye(n, at::kDouble);
    CHECK(difference(ours::log_abs_det(w), std::get<1>(at::slogdet(w))) < 1e-12);
    CHECK(difference(ours::inverse(w), at::inverse(w)) < 1e-12);
    CHECK(difference(ours::log_abs_det(-w.t()), std::get<1>(at::slogdet(w))) < 1e-12);  // also not contiguous
    const auto in_float = ours::inverse(w.to(at::kFloat));
    CHECK((in_float.scalar_type() == at::kFloat));
    CHECK(difference(in_float, at::inverse(w)) < 1e-5);
  }
}

TEST_CASE("gradients of log|det W| and W^-1 are those of LibTorch, and of central differences") {
  const int n = 4;
  const auto start = random_tensor({n, n}, 1) + 2 * at::eye(n, at::kDouble);
  const auto weights = random_tensor({n, n}, 2), direction = random_tensor({n, n}, 3);

  const auto gradient = [&](const auto& f) {
    const auto w = start.clone().requires_grad_();
    f(w).backward();
    return w.grad().clone();
  };
  const auto of_log_det = gradient([](const at::Tensor& w) { return 1.7 * ours::log_abs_det(w); });
  CHECK(difference(of_log_det,
                   gradient([](const at::Tensor& w) { return 1.7 * std::get<1>(at::slogdet(w)); })) < 1e-12);
  const auto one = [](const at::Tensor& w) { return ours::log_abs_det(w); };
  CHECK((of_log_det * direction).sum().item<double>() ==
        doctest::Approx(slope(one, start, at::full({}, 1.7, at::kDouble), direction)).epsilon(1e-7));

  const auto of_inverse = gradient([&](const at::Tensor& w) { return (weights * ours::inverse(w)).sum(); });
  CHECK(difference(of_inverse,
                   gradient([&](const at::Tensor& w) { return (weights * at::inverse(w)).sum(); })) < 1e-11);
  const auto all = [](const at::Tensor& w) { return ours::inverse(w); };
  CHECK((of_inverse * direction).sum().item<double>() ==
        doctest::Approx(slope(all, start, weights, direction)).epsilon(1e-6));
}

TEST_CASE("a singular W gives log|det W| = -inf, not an exception") {
  CHECK(ours::log_abs_det(at::zeros({3, 3}, at::kDouble)).item<double>() == -HUGE_VAL);
}
