#include "cnf/backend/libtorch/small_matrix.hpp"

#include "support/doctest.hpp"
#include "support/random_tensor.hpp"

namespace {

using cnf::libtorch::SmallInverse, cnf::libtorch::SmallLogAbsDet;

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
    CHECK(difference(SmallLogAbsDet::apply(w), std::get<1>(at::slogdet(w))) < 1e-12);
    CHECK(difference(SmallInverse::apply(w), at::inverse(w)) < 1e-12);
    CHECK(difference(SmallLogAbsDet::apply(-w.t()), std::get<1>(at::slogdet(w))) <
          1e-12);  // also not contiguous
    const auto in_float = SmallInverse::apply(w.to(at::kFloat));
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
  const auto log_det = gradient([](const at::Tensor& w) { return 1.7 * SmallLogAbsDet::apply(w); });
  CHECK(difference(log_det, gradient([](const at::Tensor& w) { return 1.7 * std::get<1>(at::slogdet(w)); })) <
        1e-12);
  const auto one = [](const at::Tensor& w) { return SmallLogAbsDet::apply(w); };
  CHECK((log_det * direction).sum().item<double>() ==
        doctest::Approx(slope(one, start, at::full({}, 1.7, at::kDouble), direction)).epsilon(1e-7));

  const auto inverse =
      gradient([&](const at::Tensor& w) { return (weights * SmallInverse::apply(w)).sum(); });
  CHECK(difference(inverse, gradient([&](const at::Tensor& w) { return (weights * at::inverse(w)).sum(); })) <
        1e-11);
  const auto all = [](const at::Tensor& w) { return SmallInverse::apply(w); };
  CHECK((inverse * direction).sum().item<double>() ==
        doctest::Approx(slope(all, start, weights, direction)).epsilon(1e-6));
}

TEST_CASE("a singular W gives log|det W| = -inf, not an exception") {
  CHECK(SmallLogAbsDet::apply(at::zeros({3, 3}, at::kDouble)).item<double>() == -HUGE_VAL);
}
