#include "cnf/metrics/luma.hpp"

#include <cstdint>
#include <vector>

#include "support/doctest.hpp"

using cnf::metrics::luma;
using cnf::metrics::Plane;

TEST_CASE("luma of black, white and the primaries is BT.601 studio swing") {
  const std::vector<std::uint8_t> rgb = {0, 0, 0, 255, 255, 255, 255, 0, 0, 0, 255, 0, 0, 0, 255};
  const Plane y = luma({rgb.data(), 1, 5});
  CHECK(y.height == 1);
  CHECK(y.width == 5);
  CHECK(y.at(0, 0) == doctest::Approx(16.0).epsilon(1e-12));
  CHECK(y.at(0, 1) == doctest::Approx(235.0).epsilon(1e-12));
  CHECK(y.at(0, 2) == doctest::Approx(16.0 + 65.481).epsilon(1e-12));
  CHECK(y.at(0, 3) == doctest::Approx(16.0 + 128.553).epsilon(1e-12));
  CHECK(y.at(0, 4) == doctest::Approx(16.0 + 24.966).epsilon(1e-12));
}

TEST_CASE("luma is not rounded") {
  const std::vector<std::uint8_t> rgb = {1, 1, 1};
  CHECK(luma({rgb.data(), 1, 1}).at(0, 0) == doctest::Approx(16.0 + 219.0 / 255.0).epsilon(1e-12));
}

TEST_CASE("luma keeps rows and columns apart and shaves every border") {
  std::vector<std::uint8_t> rgb;
  for (int row = 0; row < 4; ++row) {
    for (int column = 0; column < 5; ++column) {
      for (int c = 0; c < 3; ++c) rgb.push_back(static_cast<std::uint8_t>(10 * row + column));
    }
  }
  const Plane inside = luma({rgb.data(), 4, 5}, {.shave = 1});
  REQUIRE(inside.height == 2);
  REQUIRE(inside.width == 3);
  CHECK(inside.at(0, 0) == doctest::Approx(16.0 + 11 * 219.0 / 255.0));
  CHECK(inside.at(1, 2) == doctest::Approx(16.0 + 23 * 219.0 / 255.0));
}

TEST_CASE("luma of nothing is an error that says what is left") {
  const std::vector<std::uint8_t> rgb(4 * 5 * 3);
  CHECK_THROWS_WITH_AS(luma({rgb.data(), 4, 5}, {.shave = 2}),
                       "luma: expected at least 1x1 pixels after removing a border of 2, got an image of 4x5",
                       cnf::Error);
  CHECK_THROWS_WITH_AS(luma({rgb.data(), 4, 5}, {.shave = -1}),
                       "luma: expected a shave of 0 or more pixels, got -1", cnf::Error);
  CHECK_THROWS_AS(luma({}), cnf::Error);
}
