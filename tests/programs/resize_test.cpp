#include "super_resolution/resize.hpp"

#include <cstddef>
#include <cstdint>
#include <vector>

#include "support/doctest.hpp"

using super_resolution::bicubic_taps;
using super_resolution::imresize;
using support::Image;

namespace {

// The image of tests/golden/resize.py.
Image test_image() {
  Image image{9, 14, {}};
  for (int y = 0; y < image.height; ++y) {
    for (int x = 0; x < image.width; ++x) {
      for (int c = 0; c < 3; ++c) {
        image.rgb.push_back(static_cast<std::uint8_t>((37 * x * x + 91 * y * y + 53 * x * y + 71 * c) % 256));
      }
    }
  }
  return image;
}

Image flat(int height, int width, std::uint8_t value) {
  return {height, width,
          std::vector<std::uint8_t>(static_cast<std::size_t>(height) * static_cast<std::size_t>(width) * 3,
                                    value)};
}

std::vector<double> scaled(std::vector<double> weights, double factor) {
  for (double& weight : weights) weight *= factor;
  return weights;
}

struct Digest {
  std::vector<int> first_reds;
  long sum = 0;
  long weighted_sum = 0;
};

Digest digest(const Image& image) {
  Digest result;
  for (std::size_t i = 0; i < image.rgb.size(); ++i) {
    if (i % 3 == 0 && i < 21) result.first_reds.push_back(image.rgb[i]);
    result.sum += image.rgb[i];
    result.weighted_sum += static_cast<long>(i + 1) * image.rgb[i];
  }
  return result;
}

}  // namespace

TEST_CASE("the kernel rule gives MATLAB's eight taps for one half") {
  for (const int i : {0, 1, 100}) {
    const auto taps = bicubic_taps(i, 0.5);
    CHECK(taps.first == 2 * i - 3);
    CHECK(scaled(taps.weights, 256) == std::vector<double>{-3, -9, 29, 111, 111, 29, -9, -3});
  }
}

TEST_CASE("the kernel is not stretched to enlarge: four taps in two phases") {
  CHECK(bicubic_taps(0, 2.0).first == -2);
  CHECK(scaled(bicubic_taps(0, 2.0).weights, 128) == std::vector<double>{-3, 29, 111, -9});
  CHECK(bicubic_taps(7, 2.0).first == 2);
  CHECK(scaled(bicubic_taps(7, 2.0).weights, 128) == std::vector<double>{-9, 111, 29, -3});
}

TEST_CASE("both scales equal an independent computation in whole numbers") {
  const Image half = imresize(test_image(), 0.5);
  CHECK(half.height == 5);
  CHECK(half.width == 7);
  CHECK(digest(half).first_reds == std::vector<int>{85, 116, 85, 102, 147, 135, 131});
  CHECK(digest(half).sum == 13985);
  CHECK(digest(half).weighted_sum == 749982);

  const Image twice = imresize(test_image(), 2.0);
  CHECK(twice.height == 18);
  CHECK(twice.width == 28);
  CHECK(digest(twice).first_reds == std::vector<int>{0, 3, 13, 56, 133, 146, 95});
  CHECK(digest(twice).sum == 200780);
  CHECK(digest(twice).weighted_sum == 153375204);
}

TEST_CASE("flat images stay flat and odd extents round up") {
  for (const std::uint8_t value : {std::uint8_t{0}, std::uint8_t{77}, std::uint8_t{255}}) {
    CHECK(imresize(flat(5, 7, value), 0.5).rgb == flat(3, 4, value).rgb);
    CHECK(imresize(flat(5, 7, value), 2.0).rgb == flat(10, 14, value).rgb);
    CHECK(imresize(flat(1, 1, value), 0.5).rgb == flat(1, 1, value).rgb);
    CHECK(imresize(flat(1, 1, value), 2.0).rgb == flat(2, 2, value).rgb);
  }
}

TEST_CASE("overshoot at an edge is clipped to 0..255") {
  Image edge = flat(1, 16, 0);
  for (std::size_t i = 8 * 3; i < edge.rgb.size(); ++i) edge.rgb[i] = 255;
  const Image twice = imresize(edge, 2.0);
  // Unclipped, the four values beside the edge are -18, 52, 203 and 273.
  const auto red = [&](std::size_t column) { return static_cast<int>(twice.rgb[3 * column]); };
  CHECK(red(14) == 0);
  CHECK(red(15) == 52);
  CHECK(red(16) == 203);
  CHECK(red(17) == 255);
}

TEST_CASE("other scales and empty images are errors") {
  CHECK_THROWS_WITH_AS(imresize(test_image(), 0.25), "imresize: expected a scale of 0.5 or 2, got 0.250000",
                       cnf::Error);
  CHECK_THROWS_WITH_AS(imresize(Image{}, 0.5), "imresize: expected an image of at least 1x1 pixels, got 0x0",
                       cnf::Error);
}
