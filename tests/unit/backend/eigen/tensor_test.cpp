#include "cnf/backend/eigen/tensor.hpp"

#include "support/doctest.hpp"

namespace {

using namespace cnf;
using Tensor = eigen::Tensor<double>;
using PerSample = eigen::PerSample<double>;

Tensor filled(long n, long c, long h, long w, double value) {
  return Tensor(n, h, w, Tensor::Values::Constant(c, n * h * w, value));
}

PerSample per_sample(std::initializer_list<double> values) {
  PerSample p{Eigen::ArrayXd(Eigen::Index(values.size()))};
  std::copy(values.begin(), values.end(), p.values.begin());
  return p;
}

std::vector<double> numbers(const PerSample& p) { return {p.values.begin(), p.values.end()}; }

TEST_CASE("arithmetic between tensors of different size is an Error that names both") {
  const auto a = filled(2, 3, 4, 5, 1);
  CHECK_THROWS_WITH_AS(a + filled(2, 1, 4, 5, 1),
                       "expected two tensors of one size, got (2, 3, 4, 5) and (2, 1, 4, 5)", Error);
  CHECK_THROWS_AS(a - filled(1, 3, 4, 5, 1), Error);
  // as many numbers, in another arrangement
  CHECK_THROWS_WITH_AS(a * filled(2, 3, 5, 4, 1),
                       "expected two tensors of one size, got (2, 3, 4, 5) and (2, 3, 5, 4)", Error);
  CHECK_THROWS_AS(a + filled(1, 3, 8, 5, 1), Error);
}

TEST_CASE("arithmetic is elementwise") {
  const auto a = filled(1, 2, 2, 2, 6), b = filled(1, 2, 2, 2, 2);
  CHECK((a + b).values().isConstant(8));
  CHECK((a - b).values().isConstant(4));
  CHECK((a * b).values().isConstant(12));
  CHECK((-a).values().isConstant(-6));
  CHECK((a + 1.0).values().isConstant(7));
  CHECK((a - 1.0).values().isConstant(5));
  CHECK((0.5 * a).values().isConstant(3));
}

TEST_CASE("copies share their values until one is changed") {
  const auto a = filled(1, 2, 2, 2, 6);
  auto b = a;
  CHECK(b.values().data() == a.values().data());
  b.own()(0, 0) = 1;
  CHECK(a.values().isConstant(6));
  CHECK(b.values()(0, 0) == 1);
  const auto* before = b.values().data();
  const auto c = each(std::move(b), [](double v) { return v + 1; });
  CHECK(c.values().data() == before);  // nobody else held them
  CHECK(c.values()(0, 0) == 2);
  CHECK((a + c).values()(0, 1) == 13);
  CHECK(a.values().isConstant(6));
}

TEST_CASE("one number alone holds for all samples, on either side") {
  const auto many = per_sample({1, 2, 3}), one = per_sample({10});
  CHECK(numbers(many + one) == std::vector<double>{11, 12, 13});
  CHECK(numbers(one + many) == std::vector<double>{11, 12, 13});
  CHECK(numbers(one - many) == std::vector<double>{9, 8, 7});
  CHECK(numbers(many - one) == std::vector<double>{-9, -8, -7});
  CHECK(numbers(many + many) == std::vector<double>{2, 4, 6});
  CHECK(numbers(one + one) == std::vector<double>{20});
  CHECK(numbers(-many) == std::vector<double>{-1, -2, -3});
  CHECK(numbers(2.0 * many - 1.0) == std::vector<double>{1, 3, 5});
}

}  // namespace
