// Order and size of the Eigen backend's operations on images: numbers are their own index, so that every order shows.
#include "cnf/backend/eigen/backend.hpp"

#include <limits>
#include <numeric>

#include "support/doctest.hpp"

namespace {

using namespace cnf;
using B = eigen::Backend<double>;

B::Tensor counted(std::array<long, 4> sizes) {
  std::vector<double> values(std::size_t(sizes[0] * sizes[1] * sizes[2] * sizes[3]));
  std::iota(values.begin(), values.end(), 0.0);
  return B::from_host(values, sizes, 0);
}

/// Element (n, c, y, x).
double at(const B::Tensor& t, long n, long c, long y, long x) {
  return B::to_host(t)[std::size_t(((n * t.channels() + c) * t.h + y) * t.w + x)];
}

TEST_CASE("from_host and to_host are in (sample, channel, row, column) order") {
  const auto t = counted({2, 3, 4, 5});
  CHECK(t.values()(2, 1 * 20 + 3 * 5 + 4) == 119);
  CHECK(t.values()(1, 0) == 20);
  CHECK(at(t, 1, 2, 3, 4) == 119);
}

TEST_CASE("space_to_depth sends channel c of pixel (2y + dy, 2x + dx) to channel c*4 + dy*2 + dx") {
  const auto x = counted({2, 3, 4, 6});
  const auto y = B::space_to_depth(x);
  REQUIRE(y.channels() == 12);
  REQUIRE(y.h == 2);
  REQUIRE(y.w == 3);
  for (long n = 0; n < 2; ++n)
    for (long c = 0; c < 3; ++c)
      for (long row = 0; row < 4; ++row)
        for (long column = 0; column < 6; ++column)
          CHECK(at(y, n, c * 4 + row % 2 * 2 + column % 2, row / 2, column / 2) == at(x, n, c, row, column));
  CHECK(B::to_host(B::depth_to_space(y)) == B::to_host(x));
}

TEST_CASE("pad repeats the last column and row, crop removes them") {
  const auto x = counted({2, 2, 3, 4}) + 1.0;
  const auto y = B::pad(x, 5, 6);
  REQUIRE(y.h == 5);
  REQUIRE(y.w == 6);
  for (long n = 0; n < 2; ++n)
    for (long c = 0; c < 2; ++c)
      for (long row = 0; row < 5; ++row)
        for (long column = 0; column < 6; ++column)
          CHECK(at(y, n, c, row, column) == at(x, n, c, std::min(row, 2L), std::min(column, 3L)));
  CHECK(B::to_host(B::crop(y, 3, 4)) == B::to_host(x));
}

TEST_CASE("repeat_samples keeps the copies of one sample together") {
  const auto y = B::repeat_samples(counted({2, 1, 1, 2}), 3);
  CHECK(B::to_host(y) == std::vector<double>{0, 1, 0, 1, 0, 1, 2, 3, 2, 3, 2, 3});
}

TEST_CASE("sum is per sample, total is one number for all, per_sample makes it many") {
  const auto s = B::sum(counted({2, 2, 1, 2}));
  CHECK(B::to_host(s) == std::vector<double>{0 + 1 + 2 + 3, 4 + 5 + 6 + 7});
  const auto t = B::total(B::Vector::LinSpaced(3, 1, 3));
  CHECK(B::to_host(t) == std::vector<double>{6});
  CHECK(B::to_host(B::per_sample(t, 3)) == std::vector<double>{6, 6, 6});
  CHECK(B::to_host(B::per_sample(s, 2)) == B::to_host(s));
}

TEST_CASE("mix_channels, channels_of, concat and permute_channels act on channels alone") {
  const auto x = counted({2, 3, 2, 2});
  B::Matrix w(2, 3);
  w << 1, 10, 100, 0, -1, 2;
  const auto y = B::mix_channels(x, w);
  REQUIRE(y.channels() == 2);
  CHECK(at(y, 1, 0, 1, 0) == at(x, 1, 0, 1, 0) + 10 * at(x, 1, 1, 1, 0) + 100 * at(x, 1, 2, 1, 0));
  CHECK(at(y, 0, 1, 0, 1) == -at(x, 0, 1, 0, 1) + 2 * at(x, 0, 2, 0, 1));

  const auto first = B::channels_of(x, 0, 1), rest = B::channels_of(x, 1, 2);
  CHECK(at(rest, 1, 0, 0, 1) == at(x, 1, 1, 0, 1));
  CHECK(B::to_host(B::concat(first, rest)) == B::to_host(x));
  const auto p = B::permute_channels(x, std::array<int, 3>{2, 0, 1});
  CHECK(at(p, 1, 0, 1, 1) == at(x, 1, 2, 1, 1));
  CHECK(at(p, 1, 1, 1, 1) == at(x, 1, 0, 1, 1));
}

TEST_CASE_TEMPLATE("a not-a-number goes through every activation, so that it is seen at the end", T, float,
                   double) {
  using Any = eigen::Backend<T>;
  // several, because vectorised code and its remainder differ
  const auto x =
      Any::from_host(std::vector<double>(15, std::numeric_limits<double>::quiet_NaN()), {1, 15, 1, 1}, 0);
  CHECK(Any::relu(x).values().isNaN().all());
  CHECK(Any::leaky_relu(x, 0.2).values().isNaN().all());
  CHECK(Any::softplus(x).values().isNaN().all());
  CHECK(Any::tanh(x).values().isNaN().all());
  CHECK(Any::exp(x).values().isNaN().all());
  CHECK(Any::clamp(x, 0, 255).values().isNaN().all());
  CHECK_FALSE(Any::all_finite(x));
  CHECK_FALSE(Any::all_integers_within(x, 0, 255));
}

TEST_CASE("softplus and log1m_exp keep their precision far from zero") {
  const auto one = [](double v) { return B::from_host({v}, {1, 1, 1, 1}, 0); };
  CHECK(B::softplus(one(-50)).values()(0) == doctest::Approx(std::exp(-50.0)).epsilon(1e-12));
  CHECK(B::softplus(one(800)).values()(0) == 800);
  CHECK(B::softplus(one(-800)).values()(0) >= 0);
  CHECK(B::log1m_exp(one(-1e-12)).values()(0) == doctest::Approx(std::log(1e-12)).epsilon(1e-9));
  CHECK(B::log1m_exp(one(-50)).values()(0) == doctest::Approx(-std::exp(-50.0)).epsilon(1e-6));
}

TEST_CASE("a cached value is made anew when its parameter changes") {
  B::Module module;
  const auto p = B::add_parameter(module, "p", {1}, {2}, true);
  const B::Cache<double> cache;
  int computed = 0;
  const auto get = [&] { return cache.get(p, [&] { return ++computed, B::first(p) * 10; }); };
  CHECK(get() == 20);
  CHECK(get() == 20);
  CHECK(computed == 1);
  B::assign(p, {3});
  CHECK(get() == 30);
  CHECK(computed == 2);
}

}  // namespace
