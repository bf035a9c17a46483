#include "cnf/metrics/psnr.hpp"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <vector>

#include "support/doctest.hpp"

using cnf::metrics::Rgb8View;

namespace {

// The images of tests/golden/metrics.py.
constexpr int height = 23;
constexpr int width = 31;

template <class Value>
std::vector<std::uint8_t> draw(Value value) {
  std::vector<std::uint8_t> rgb;
  for (int y = 0; y < height; ++y) {
    for (int x = 0; x < width; ++x) {
      for (int c = 0; c < 3; ++c) rgb.push_back(static_cast<std::uint8_t>(value(x, y, c)));
    }
  }
  return rgb;
}

int value_a(int x, int y, int c) { return (7 * x * x + 13 * y + 3 * x * y + 29 * c) % 256; }
int value_b(int x, int y, int c) {
  return std::min(255, value_a(x, y, c) * 15 / 16 + (5 * x + 11 * y + 17 * c) % 23);
}

const std::vector<std::uint8_t> rgb_a = draw(value_a);
const std::vector<std::uint8_t> rgb_b = draw(value_b);
const Rgb8View a{rgb_a.data(), height, width};
const Rgb8View b{rgb_b.data(), height, width};

}  // namespace

using cnf::metrics::psnr_rgb;
using cnf::metrics::psnr_y;

TEST_CASE("PSNR equals scikit-image's") {
  CHECK(psnr_y(a, b, {.shave = 0}) == doctest::Approx(34.0449418843).epsilon(1e-10));
  CHECK(psnr_y(a, b, {.shave = 2}) == doctest::Approx(34.1352554768).epsilon(1e-10));
  CHECK(psnr_rgb(a, b, {.shave = 0}) == doctest::Approx(29.5114202042).epsilon(1e-10));
  CHECK(psnr_rgb(a, b, {.shave = 2}) == doctest::Approx(29.5091487170).epsilon(1e-10));
}

TEST_CASE("PSNR removes two pixels of border unless told otherwise") {
  CHECK(psnr_y(a, b) == psnr_y(a, b, {.shave = 2}));
  CHECK(psnr_rgb(a, b) == psnr_rgb(a, b, {.shave = 2}));
}

TEST_CASE("PSNR of identical images is infinite, also when only the border differs") {
  CHECK(psnr_y(a, a) == std::numeric_limits<double>::infinity());
  CHECK(psnr_rgb(a, a) == std::numeric_limits<double>::infinity());
  std::vector<std::uint8_t> framed = rgb_a;
  framed[3 * (width + 1)] ^= 0x80;
  const Rgb8View other{framed.data(), height, width};
  CHECK(psnr_rgb(a, other, {.shave = 2}) == std::numeric_limits<double>::infinity());
  CHECK(std::isfinite(psnr_rgb(a, other, {.shave = 1})));
}

TEST_CASE("PSNR of a difference of one grey level is 20 log10(255), in luma 255 / 219 times finer") {
  const std::vector<std::uint8_t> dark(5 * 5 * 3, 100);
  const std::vector<std::uint8_t> light(5 * 5 * 3, 101);
  const Rgb8View one{dark.data(), 5, 5};
  const Rgb8View two{light.data(), 5, 5};
  CHECK(psnr_rgb(one, two) == doctest::Approx(20 * std::log10(255.0)));
  CHECK(psnr_y(one, two) == doctest::Approx(20 * std::log10(255.0 * 255.0 / 219.0)));
}

TEST_CASE("PSNR names both sizes when they differ, and the size that is too small") {
  CHECK_THROWS_WITH_AS(psnr_y(a, {rgb_b.data(), width, height}),
                       "psnr_y: expected two images of the same size (height x width), got 23x31 and 31x23",
                       cnf::Error);
  CHECK_THROWS_WITH_AS(
      psnr_rgb({rgb_a.data(), 4, 9}, {rgb_b.data(), 4, 9}),
      "psnr_rgb: expected at least 1x1 pixels after removing a border of 2, got an image of 4x9", cnf::Error);
}
