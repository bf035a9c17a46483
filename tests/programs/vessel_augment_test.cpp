// Views of photographs: what augmentation may change, and what it must not.
#include "vessel_segmentation/augment.hpp"

#include <ATen/ATen.h>

#include <set>

#include "support/doctest.hpp"
#include "support/error_of.hpp"

namespace {

using namespace vessel_segmentation;

/// A disc of field of view in a dark frame; red tells vessels, green grows with the row and blue with the
/// column.
Fundus fundus(int height, int width, int number = 1) {
  const auto area = static_cast<std::size_t>(height) * static_cast<std::size_t>(width);
  Fundus f{.name = std::to_string(number),
           .patient = number,
           .image = {height, width, {}},
           .label = {height, width, std::vector<std::uint8_t>(area)},
           .field_of_view = {height, width, std::vector<std::uint8_t>(area)},
           .second = {}};
  const double radius = std::min(height, width) * 0.45;
  for (int y = 0; y < height; ++y)
    for (int x = 0; x < width; ++x) {
      const auto i = static_cast<std::size_t>(y * width + x);
      const bool inside = std::hypot(y - (height - 1) / 2.0, x - (width - 1) / 2.0) < radius;
      const bool vessel = inside && (x + number) % 9 < 3;
      f.field_of_view.on[i] = inside;
      f.label.on[i] = vessel;
      for (const int v : {inside ? (vessel ? 200 : 100) : 5, inside ? y : 5, inside ? x : 5})
        f.image.rgb.push_back(static_cast<std::uint8_t>(v));
    }
  return f;
}

std::vector<Prepared> some(int count, int height = 48, int width = 40) {
  std::vector<Prepared> images;
  for (int i = 1; i <= count; ++i) images.emplace_back(fundus(height, width, i));
  return images;
}

/// Sorted values, whatever their places.
at::Tensor sorted(const at::Tensor& x) { return std::get<0>(x.flatten().sort()); }

}  // namespace

TEST_CASE("the input is normalised inside the field of view, 0 outside, and tells the field of view") {
  const auto f = fundus(48, 40);
  const auto x = to_input(f.image, f.field_of_view);
  REQUIRE(x.sizes() == at::IntArrayRef({1, 4, 48, 40}));
  const auto inside = x[0][3].to(at::kBool);
  for (int c = 0; c < 3; ++c) {
    const auto values = x[0][c].masked_select(inside).to(at::kDouble);
    CHECK(std::abs(values.mean().item<double>()) < 1e-5);
    CHECK(values.var(false).item<double>() == doctest::Approx(1).epsilon(1e-4));
    CHECK(x[0][c].masked_select(~inside).abs().max().item<double>() == 0);
  }
  CHECK(inside.sum().item<long>() == std::count(f.field_of_view.on.begin(), f.field_of_view.on.end(), 1));
  CHECK(to_target(f.label).sum().item<long>() == std::count(f.label.on.begin(), f.label.on.end(), 1));

  auto bright = f;
  bright.image.rgb[3 * (24 * 40 + 20)] = 255;  // one glaring pixel is clipped
  CHECK(to_input(bright.image, bright.field_of_view).max().item<double>() <= 4);
  const Mask nothing{48, 40, std::vector<std::uint8_t>(48 * 40)};
  CHECK(error_of([&] { to_input(f.image, nothing); }) ==
        "expected a field of view of at least one pixel, got none");
}

TEST_CASE("without warping, a view is the image turned by right angles and mirrored, pixel by pixel") {
  const auto images = some(1);
  const auto whole = to_input(images[0].fundus.image, images[0].fundus.field_of_view);
  const auto label = to_target(images[0].fundus.label);
  std::set<std::vector<float>> different;
  for (int step = 0; step < 40; ++step) {
    const auto view = random_views(images, 1, {.warp = 0}, 3, step);
    CHECK(view.x.size(2) % 4 == 0);
    CHECK(view.x.size(3) % 4 == 0);
    CHECK(view.y.sum().item<long>() == label.sum().item<long>());
    for (int c = 0; c < 4; ++c) {
      // the canvas may be larger or smaller than the image, but holds the field of view
      const auto inside = view.x[0][3].to(at::kBool), before = whole[0][3].to(at::kBool);
      CHECK(sorted(view.x[0][c].masked_select(inside)).equal(sorted(whole[0][c].masked_select(before))));
    }
    const auto flat = view.x[0].narrow(0, 1, 2).contiguous();
    different.insert({flat.data_ptr<float>(), flat.data_ptr<float>() + flat.numel()});
  }
  CHECK(different.size() == 8);
}

TEST_CASE("label, photograph and field of view move together under any warp, and nothing is cut off") {
  const auto images = some(3, 96, 80);
  double inside_least = 1e9, inside_most = 0;
  for (int step = 0; step < 30; ++step) {
    const auto view = random_views(images, 2, {}, 4, step);
    for (int i = 0; i < 2; ++i) {
      const auto inside = view.x[i][3].to(at::kBool);
      const auto vessel = view.y[i][0].to(at::kBool);
      CHECK((vessel & ~inside).sum().item<long>() == 0);
      CHECK(view.x[i].narrow(0, 0, 3).abs().sum(0).masked_select(~inside).max().item<double>() == 0);
      // red tells vessels: more than its middle, but for pixels where the two are mixed
      const auto red = view.x[i][0].masked_select(inside) > 0.3;
      const auto labelled = vessel.masked_select(inside);
      CHECK((red == labelled).to(at::kDouble).mean().item<double>() > 0.9);
      const double area = inside.sum().item<double>();
      inside_least = std::min(inside_least, area);
      inside_most = std::max(inside_most, area);
      // a border without field of view on all four sides: the canvas is large enough
      const auto rows = inside.any(1), columns = inside.any(0);
      CHECK(rows.sum().item<long>() >= 40);
      CHECK(columns.sum().item<long>() >= 40);
    }
  }
  const double original =
      to_input(images[0].fundus.image, images[0].fundus.field_of_view)[0][3].sum().item<double>();
  CHECK(inside_least > 0.6 * original);  // scale 0.8 .. 1.2: area 0.64 .. 1.44
  CHECK(inside_least < 0.85 * original);
  CHECK(inside_most > 1.15 * original);
  CHECK(inside_most < 1.5 * original);
}

TEST_CASE(
    "crops have the size that was asked for, come from everywhere, and are functions of seed and step") {
  const auto images = some(2, 60, 52);
  const AugmentOptions options{.crop = 16, .warp = 0};
  double least = 1e9, most = -1e9;
  for (int step = 0; step < 60; ++step) {
    const auto view = random_views(images, 3, options, 5, step);
    REQUIRE(view.x.sizes() == at::IntArrayRef({3, 4, 16, 16}));
    REQUIRE(view.y.sizes() == at::IntArrayRef({3, 1, 16, 16}));
    least = std::min(least, view.x.select(1, 1).min().item<double>());  // green: the row
    most = std::max(most, view.x.select(1, 1).max().item<double>());
  }
  CHECK(least < -1.8);
  CHECK(most > 1.8);
  const auto a = random_views(images, 3, {.crop = 16, .jitter = 0.2}, 5, 7);
  CHECK(a.x.equal(random_views(images, 3, {.crop = 16, .jitter = 0.2}, 5, 7).x));
  CHECK(!a.x.equal(random_views(images, 3, {.crop = 16, .jitter = 0.2}, 6, 7).x));
  CHECK(!a.x.equal(random_views(images, 3, {.crop = 16, .jitter = 0.2}, 5, 8).x));
  // jitter changes colours and nothing else
  const auto plain = random_views(images, 3, {.crop = 16}, 5, 7);
  CHECK(plain.y.equal(a.y));
  CHECK(plain.x.select(1, 3).equal(a.x.select(1, 3)));
  CHECK((plain.x - a.x).abs().max().item<double>() > 0.01);
}

TEST_CASE("a part of a batch has the views of the whole, on its canvas") {
  const auto images = some(5, 60, 52);
  const AugmentOptions options{.warp = 1, .jitter = 0.2};
  const auto whole = random_views(images, 5, options, 5, 7);
  for (int first = 0; first < 5; first += 2) {
    const int count = std::min(2, 5 - first);
    const auto part = random_views(images, 5, options, 5, 7, first, count);
    CHECK(part.x.equal(whole.x.narrow(0, first, count)));
    CHECK(part.y.equal(whole.y.narrow(0, first, count)));
  }
}

TEST_CASE("every image is seen once in each epoch") {
  const auto images = some(5, 40, 40);
  // columns tell images apart: the number of vessel pixels depends on the number
  std::vector<long> counts;
  for (const auto& image : images) counts.push_back(to_target(image.fundus.label).sum().item<long>());
  const std::multiset<long> all(counts.begin(), counts.end());
  bool reordered = false;
  std::vector<long> first;
  for (int epoch = 0; epoch < 4; ++epoch) {
    std::vector<long> seen;
    for (int i = 0; i < 5; ++i)
      seen.push_back(random_views(images, 1, {.warp = 0}, 6, epoch * 5 + i).y.sum().item<long>());
    CHECK(std::multiset<long>(seen.begin(), seen.end()) == all);
    if (epoch == 0) first = seen;
    reordered = reordered || seen != first;
  }
  CHECK(reordered);
}
