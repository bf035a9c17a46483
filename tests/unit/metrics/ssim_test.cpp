#include "cnf/metrics/ssim.hpp"

#include <algorithm>
#include <cstdint>
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

using cnf::metrics::ssim_y;

TEST_CASE("SSIM equals scikit-image's") {
  CHECK(ssim_y(a, b, {.shave = 0}) == doctest::Approx(0.9958247389).epsilon(1e-9));
  CHECK(ssim_y(a, b, {.shave = 2}) == doctest::Approx(0.9957853742).epsilon(1e-9));
  CHECK(ssim_y(a, b) == ssim_y(a, b, {.shave = 2}));
}

TEST_CASE("SSIM is symmetric, 1 for identical images and negative for an inverted one") {
  CHECK(ssim_y(a, a) == doctest::Approx(1.0).epsilon(1e-12));
  CHECK(ssim_y(a, b) == doctest::Approx(ssim_y(b, a)).epsilon(1e-12));
  std::vector<std::uint8_t> inverted = rgb_a;
  for (std::uint8_t& value : inverted) value = static_cast<std::uint8_t>(255 - value);
  CHECK(ssim_y(a, {inverted.data(), height, width}) < 0.0);
}

TEST_CASE("SSIM of two flat images is the closed form of their means") {
  const std::vector<std::uint8_t> dark(15 * 15 * 3, 0);
  const std::vector<std::uint8_t> light(15 * 15 * 3, 255);
  const double c1 = 2.55 * 2.55;
  CHECK(ssim_y({dark.data(), 15, 15}, {light.data(), 15, 15}) ==
        doctest::Approx((2 * 16.0 * 235.0 + c1) / (16.0 * 16.0 + 235.0 * 235.0 + c1)).epsilon(1e-9));
}

TEST_CASE("SSIM needs 11x11 pixels inside the border") {
  CHECK(ssim_y({rgb_a.data(), 15, 15}, {rgb_a.data(), 15, 15}) == doctest::Approx(1.0));
  CHECK_THROWS_WITH_AS(
      ssim_y({rgb_a.data(), 14, 20}, {rgb_b.data(), 14, 20}),
      "ssim_y: expected at least 11x11 pixels after removing a border of 2, got an image of 14x20",
      cnf::Error);
  CHECK_THROWS_WITH_AS(ssim_y({rgb_a.data(), 14, 20}, b),
                       "ssim_y: expected two images of the same size (height x width), got 14x20 and 23x31",
                       cnf::Error);
}
