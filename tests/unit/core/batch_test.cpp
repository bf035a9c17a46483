// Batches on the Eigen backend: a tensor of another shape is an Error, never a broadcast.
#include "cnf/core/batch.hpp"

#include "cnf/eigen.hpp"
#include "support/doctest.hpp"

namespace {

using namespace cnf;
using B = eigen::Backend<double>;

B::Tensor zeros(long n, long c, long h, long w) {
  return B::from_host(std::vector<double>(std::size_t(n * c * h * w)), {n, c, h, w}, 0);
}

TEST_CASE("a batch of another shape names what was expected and what was given") {
  CHECK_THROWS_WITH_AS((Batch<B, Shape<3, 4, 5>>(zeros(2, 1, 4, 5))),
                       "expected a batch of 3x4x5, got 2 of 1x4x5", Error);
  CHECK_THROWS_WITH_AS((Batch<B, Shape<3, 4, 5>>(zeros(2, 3, 5, 4))),
                       "expected a batch of 3x4x5, got 2 of 3x5x4", Error);
  CHECK_THROWS_WITH_AS((Batch<B, Shape<3, 4, dynamic / 2>>(zeros(1, 3, 1, 5))),
                       "expected a batch of 3x4xW/2, got 1 of 3x1x5", Error);
  CHECK_THROWS_AS((Batch<B, Shape<3>>(zeros(1, 1, 1, 3))), Error);
}

TEST_CASE("dynamic extents take any size, fixed ones their own") {
  CHECK(Batch<B, Shape<3, dynamic, dynamic>>(zeros(2, 3, 7, 9)).area() == 63);
  CHECK(Batch<B, Shape<3, 7, 9>>(zeros(2, 3, 7, 9)).samples() == 2);
}

TEST_CASE("a map with the wrong shape inside is an Error when a layer reads it") {
  using Fine = Shape<4, 8, 8>;
  using Coarse = Shape<4, 4, 4>;
  const Maps<B, Features<Fine, Coarse>> maps{.data = {zeros(1, 4, 8, 8), zeros(1, 4, 8, 8)}};
  CHECK(maps.condition<Shape<12, 8, 8>>().data.h == 8);
  CHECK_THROWS_WITH_AS((maps.condition<Shape<12, 4, 4>>()), "expected a batch of 4x4x4, got 1 of 4x8x8",
                       Error);
}

TEST_CASE("joined and stretch keep the order of maps") {
  using One = Shape<1>;
  using Two = Shape<2>;
  using Three = Shape<3>;
  const Maps<B, Latents<One>> a{.data = {zeros(1, 1, 1, 1)}};
  const Maps<B, Latents<Two, Three>> b{.data = {zeros(1, 2, 1, 1), zeros(1, 3, 1, 1)}};
  auto all = joined(a, b);
  CHECK(all.get<2>().data.channels() == 3);
  const auto last = stretch<Latents<Two, Three>, 1>(std::move(all));
  CHECK(last.get<0>().data.channels() == 2);
  CHECK(last.get<1>().data.channels() == 3);
}

}  // namespace
