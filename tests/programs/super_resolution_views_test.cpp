// What training makes of photographs: views.hpp, graphics.hpp and the crops of photographs.hpp.
#include "super_resolution/views.hpp"

#include <ATen/ATen.h>

#include <algorithm>
#include <set>

#include "programs/super_resolution.hpp"
#include "super_resolution/graphics.hpp"
#include "super_resolution/photographs.hpp"
#include "super_resolution/resize.hpp"
#include "support/doctest.hpp"

namespace {

using namespace super_resolution;
using support::Image;

/// Without structure, so that every place differs from every other.
Image noisy(int height, int width, std::uint32_t state = 1) {
  Image image{height, width, {}};
  for (int i = 0; i < 3 * height * width; ++i) {
    state = state * 1664525 + 1013904223;
    image.rgb.push_back(static_cast<std::uint8_t>(state >> 24));
  }
  return image;
}

at::Tensor bytes_of(const Image& image) { return to_tensor(image)[0].permute({1, 2, 0}).contiguous(); }

std::uint8_t at_pixel(const Image& image, int y, int x, int c) {
  return image.rgb[static_cast<std::size_t>((y * image.width + x) * 3 + c)];
}

int largest_difference(const Image& a, const Image& b) {
  REQUIRE(a.rgb.size() == b.rgb.size());
  int largest = 0;
  for (std::size_t i = 0; i < a.rgb.size(); ++i)
    largest = std::max(largest, std::abs(int{a.rgb[i]} - int{b.rgb[i]}));
  return largest;
}

/// The crop of a view, and its low resolution.
std::pair<Image, Image> crop_of(const Image& image, const View& view, int size, double down = 0.3,
                                double across = 0.6) {
  const auto crops = cut({{bytes_of(image), view, down, across}}, size);
  REQUIRE(crops.x.sizes() == at::IntArrayRef{1, 3, size / 2, size / 2});
  REQUIRE(crops.y.sizes() == at::IntArrayRef{1, 3, size, size});
  return {to_image(crops.y[0]), to_image(crops.x[0])};
}

/// The even place of a crop in an image.
std::optional<std::pair<int, int>> place_of(const Image& crop, const Image& image) {
  for (int top = 0; top + crop.height <= image.height; top += 2)
    for (int left = 0; left + crop.width <= image.width; left += 2)
      if (support::cropped(image, top, left, crop.height, crop.width).rgb == crop.rgb)
        return std::pair(top, left);
  return {};
}

TEST_CASE(
    "a view that changes nothing is a part of the photograph, and of its low resolution, to the last bit") {
  for (const auto& [height, width] : {std::pair{31, 44}, {16, 16}, {17, 90}}) {
    const auto image = noisy(height, width);
    const auto low = imresize(image, 0.5);
    for (const double where : {0.0, 0.37, 0.999}) {
      const auto [y, x] = crop_of(image, {}, 16, where, 1 - where - 1e-9);
      const auto place = place_of(y, image);
      REQUIRE(place);
      CHECK(x.rgb == support::cropped(low, place->first / 2, place->second / 2, 8, 8).rgb);
    }
  }
}

TEST_CASE("the low resolution is that of the finished view") {
  View view{.scale = 0.7,
            .contrast = 1.9,
            .brightness = -40,
            .inverted = true,
            .mirrored = true,
            .channels = {2, 0, 1}};
  const auto [y, x] = crop_of(noisy(60, 70), view, 24);
  const auto again = imresize(y, 0.5);
  // two pixels of its border saw what is beyond the crop
  CHECK(support::cropped(again, 2, 2, 8, 8).rgb == support::cropped(x, 2, 2, 8, 8).rgb);
  CHECK(again.rgb != x.rgb);
}

TEST_CASE("colours: contrast and brightness around the middle grey, clipped, inverted, in another order") {
  const auto image = noisy(20, 20);
  const auto plain = crop_of(image, {}, 16).first;
  const auto check = [&](const View& view, const auto& expected) {
    const auto seen = crop_of(image, view, 16).first;
    for (int y = 0; y < 16; ++y)
      for (int x = 0; x < 16; ++x)
        for (int c = 0; c < 3; ++c)
          CHECK(int{at_pixel(seen, y, x, c)} ==
                expected([&](int channel) { return int{at_pixel(plain, y, x, channel)}; }, c));
  };
  check({.contrast = 2, .brightness = 10},
        [](const auto& pixel, int c) { return std::clamp(2 * (pixel(c) - 128) + 138, 0, 255); });
  check({.inverted = true}, [](const auto& pixel, int c) { return 255 - pixel(c); });
  check({.channels = {1, 2, 0}}, [](const auto& pixel, int c) { return pixel((c + 1) % 3); });
  check({.contrast = 3, .brightness = -30, .inverted = true},
        [](const auto& pixel, int c) { return 255 - std::clamp(3 * (pixel(c) - 128) + 98, 0, 255); });
}

TEST_CASE("a mirrored view is the view from right to left, its low resolution too") {
  const auto image = noisy(40, 50);
  const auto [y, x] = crop_of(image, {.scale = 0.8}, 16);
  const auto [mirrored_y, mirrored_x] = crop_of(image, {.scale = 0.8, .mirrored = true}, 16);
  for (const auto& [one, other] : {std::pair{y, mirrored_y}, {x, mirrored_x}})
    for (int row = 0; row < one.height; ++row)
      for (int column = 0; column < one.width; ++column)
        CHECK(at_pixel(one, row, column, 1) == at_pixel(other, row, one.width - 1 - column, 1));
}

TEST_CASE("other sizes are MATLAB's; what would be too small for the crop is not shrunk so far") {
  const auto image = noisy(64, 80);
  const auto half = imresize(image, 0.5);  // rounds and clips once more, between its passes
  const auto whole = crop_of(image, {.scale = 0.5}, 32, 0, 0).first;
  CHECK(largest_difference(whole, support::cropped(half, 0, 0, 32, 32)) <= 2);
  const auto small = noisy(20, 26);
  CHECK(crop_of(small, {.scale = 0.5}, 20, 0.5, 0).first.rgb == support::cropped(small, 0, 0, 20, 20).rgb);
}

TEST_CASE("views are drawn as their header says, and depend on the key alone") {
  int full = 0, own_colours = 0, inverted = 0, coloured = 0;
  std::set<std::array<int, 3>> orders;
  constexpr int draws = 4000;
  for (std::uint32_t i = 0; i < draws; ++i) {
    const cnf::NoiseKey key{.seed = 3, .input = i};
    const auto view = random_view(key), again = random_view(key);
    CHECK(view.scale == again.scale);
    CHECK(view.channels == again.channels);
    CHECK(view.scale >= 0.5);
    CHECK(view.scale <= 1);
    full += view.scale == 1;
    CHECK(!view.mirrored);
    if (view.contrast == 1) {
      ++own_colours;
      CHECK(view.brightness == 0);
      CHECK(!view.inverted);
      CHECK(view.channels == std::array{0, 1, 2});
      continue;
    }
    ++coloured;
    CHECK(view.contrast >= 1.2);
    CHECK(view.contrast <= 2.6);
    CHECK(std::abs(view.brightness) <= 90);
    inverted += view.inverted;
    orders.insert(view.channels);
  }
  CHECK(full == doctest::Approx(0.4 * draws).epsilon(0.06));
  CHECK(own_colours == doctest::Approx(0.6 * draws).epsilon(0.05));
  CHECK(inverted == doctest::Approx(0.5 * coloured).epsilon(0.1));
  CHECK(orders.size() == 6);
}

TEST_CASE(
    "of every batch some crops are those without views; the rest are views and graphics, the same for the "
    "same seed") {
  Photographs photographs({trained().photographs / "1.png", trained().photographs / "more" / "0.png"}, 16);
  const auto plain = photographs.random_crops(20, 16, 7, 3, {.mirror = true});
  const auto views = photographs.random_crops(20, 16, 7, 3, {.mirror = true, .views = true});
  const auto again = photographs.random_crops(20, 16, 7, 3, {.mirror = true, .views = true});
  CHECK(at::equal(views.x, again.x));
  CHECK(at::equal(views.y, again.y));
  CHECK(!at::equal(views.y, photographs.random_crops(20, 16, 8, 3, {.mirror = true, .views = true}).y));
  int same = 0;
  for (int i = 0; i < 20; ++i) {
    const bool is_same = at::equal(plain.y[i], views.y[i]) && at::equal(plain.x[i], views.x[i]);
    same += is_same;
    if (i % 5 == 0) CHECK(is_same);  // 3 * 20 is a multiple of five
  }
  CHECK(same < 14);
  // a part of the batch has the same crops
  const auto part =
      photographs.random_crops(6, 16, 7, 3, {.mirror = true, .views = true, .first = 9, .batch = 20});
  CHECK(at::equal(part.x, views.x.narrow(0, 9, 6)));
  CHECK(at::equal(part.y, views.y.narrow(0, 9, 6)));
}

TEST_CASE("graphics are a function of seed and number, in many colours, four in ten of them pure") {
  CHECK(drawn_graphic(1, 3, 60).rgb == drawn_graphic(1, 3, 60).rgb);
  CHECK(drawn_graphic(1, 3, 60).rgb != drawn_graphic(2, 3, 60).rgb);
  CHECK(drawn_graphic(1, 3, 60).rgb != drawn_graphic(1, 8, 60).rgb);
  long pure = 0, pixels = 0;
  for (std::uint32_t i = 0; i < 40; ++i) {
    const auto image = drawn_graphic(1, i, 96);
    REQUIRE(image.height == 96);
    REQUIRE(image.width == 96);
    REQUIRE(image.rgb.size() == 3 * 96 * 96);
    std::set<std::array<int, 3>> colours;
    for (std::size_t p = 0; p < image.rgb.size(); p += 3) {
      const std::array<int, 3> colour{image.rgb[p], image.rgb[p + 1], image.rgb[p + 2]};
      colours.insert(colour);
      ++pixels;
      pure += std::all_of(colour.begin(), colour.end(), [](int v) { return v == 0 || v == 255; });
    }
    CAPTURE(i);
    CHECK(colours.size() > 1);
  }
  CHECK(pure > pixels / 4);
  CHECK(pure < pixels * 3 / 4);
}

}  // namespace
