// conv2d against the sum that defines it.
#include "cnf/backend/eigen/conv2d.hpp"

#include "cnf/eigen.hpp"
#include "support/doctest.hpp"
#include "support/random_numbers.hpp"

namespace {

using namespace cnf;
using B = eigen::Backend<double>;

struct Case {
  long n, in, h, w, out, kernel, stride, padding;
};

double worst_difference(const Case& c, bool with_bias) {
  const auto x = random_numbers(c.n * c.in * c.h * c.w, 1);
  const auto weight = random_numbers(c.out * c.in * c.kernel * c.kernel, 2);
  const auto bias = random_numbers(c.out, 3);

  B::Module module;
  const auto w = B::add_parameter(module, "weight", {c.out, c.in, c.kernel, c.kernel}, weight, true);
  const auto b = B::add_parameter(module, "bias", {c.out}, bias, true);
  const auto y = B::conv2d(B::from_host(x, {c.n, c.in, c.h, c.w}, 0), w, with_bias ? &b : nullptr,
                           int(c.stride), int(c.padding));

  const long h = (c.h + 2 * c.padding - c.kernel) / c.stride + 1;
  const long width = (c.w + 2 * c.padding - c.kernel) / c.stride + 1;
  CHECK(y.n == c.n);
  CHECK(y.channels() == c.out);
  CHECK(y.h == h);
  CHECK(y.w == width);
  const auto got = B::to_host(y);
  double worst = 0;
  for (long n = 0; n < c.n; ++n)
    for (long o = 0; o < c.out; ++o)
      for (long row = 0; row < h; ++row)
        for (long column = 0; column < width; ++column) {
          double sum = with_bias ? bias[std::size_t(o)] : 0;
          for (long i = 0; i < c.in; ++i)
            for (long ky = 0; ky < c.kernel; ++ky)
              for (long kx = 0; kx < c.kernel; ++kx) {
                const long sy = row * c.stride - c.padding + ky, sx = column * c.stride - c.padding + kx;
                if (sy < 0 || sy >= c.h || sx < 0 || sx >= c.w) continue;
                sum += weight[std::size_t(((o * c.in + i) * c.kernel + ky) * c.kernel + kx)] *
                       x[std::size_t(((n * c.in + i) * c.h + sy) * c.w + sx)];
              }
          worst =
              std::max(worst, std::abs(sum - got[std::size_t(((n * c.out + o) * h + row) * width + column)]));
        }
  return worst;
}

TEST_CASE("conv2d is the sum that defines it, for every kernel, stride, padding and size") {
  const Case cases[] = {
      {2, 3, 5, 7, 4, 3, 1, 1},                                 // the usual
      {1, 3, 1, 1, 2, 3, 1, 1},                                 // one pixel: only the middle of the kernel
      {1, 2, 1, 6, 2, 3, 1, 1},   {1, 2, 6, 1, 2, 3, 1, 1},     // one row, one column
      {3, 4, 4, 5, 3, 1, 1, 0},   {2, 3, 3, 4, 2, 1, 1, 1},     // 1x1, without and with padding
      {2, 3, 6, 8, 4, 2, 2, 0},   {2, 3, 7, 9, 4, 2, 2, 0},     // the stride of pyramids, even and odd sizes
      {2, 3, 6, 8, 4, 1, 2, 0},   {1, 2, 7, 6, 3, 5, 1, 2},     // others
      {2, 1, 40, 70, 2, 3, 1, 1}, {1, 1, 2, 1500, 1, 3, 1, 1},  // more columns than are computed at once
      {2, 3, 6, 7, 41, 3, 1, 1},  {1, 20, 9, 12, 16, 3, 1, 1},  // several tiles of outputs, full and not
  };
  for (const auto& c : cases) {
    CAPTURE(c.h);
    CAPTURE(c.w);
    CAPTURE(c.kernel);
    CAPTURE(c.stride);
    CHECK(worst_difference(c, true) < 1e-12);
    CHECK(worst_difference(c, false) < 1e-12);
  }
}

TEST_CASE("a start of fewer samples holds for each of their repetitions") {
  B::Module module;
  const auto w = B::add_parameter(module, "weight", {5, 3, 3, 3}, random_numbers(5 * 27, 1), true);
  const auto z = B::from_host(random_numbers(6 * 3 * 14 * 15, 2), {6, 3, 14, 15}, 0);
  const auto start = B::from_host(random_numbers(2 * 5 * 14 * 15, 3), {2, 5, 14, 15}, 0);
  const auto y = eigen::conv2d(z, w.weight(), start.values(), 1, 1);
  const auto expected = B::conv2d(z, w, nullptr, 1, 1) + B::repeat_samples(start, 3);
  CHECK((y.values() - expected.values()).abs().maxCoeff() < 1e-12);
}

TEST_CASE("a parameter's new numbers are the ones used") {
  B::Module module;
  const auto w = B::add_parameter(module, "weight", {1, 1, 1, 1}, {2}, true);
  const auto x = B::from_host({3}, {1, 1, 1, 1}, 0);
  CHECK(B::to_host(B::conv2d(x, w, nullptr, 1, 0)) == std::vector<double>{6});
  B::assign(w, {5});
  CHECK(B::to_host(B::conv2d(x, w, nullptr, 1, 0)) == std::vector<double>{15});
}

TEST_CASE("an input of other channels is an Error") {
  B::Module module;
  const auto w = B::add_parameter(module, "weight", {2, 3, 3, 3}, std::vector<double>(54), true);
  const auto x = B::from_host(std::vector<double>(16), {1, 4, 2, 2}, 0);
  CHECK_THROWS_WITH_AS(B::conv2d(x, w, nullptr, 1, 1), "conv2d: expected 3 channels, got 4", Error);
}

}  // namespace
