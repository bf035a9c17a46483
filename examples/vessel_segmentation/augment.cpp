#include "augment.hpp"

#include <ATen/ATen.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <numbers>
#include <numeric>

#include "cnf/core/error.hpp"
#include "cnf/noise/noise.hpp"

namespace vessel_segmentation {
namespace {

constexpr std::size_t colours = 3, channels = 4;

/// Random numbers of one view.
struct Dice {
  cnf::NoiseKey key;
  std::uint32_t next = 0;

  double uniform(double low, double high) { return low + (high - low) * key.uniform_pair(next++)[0]; }
  double normal(double deviation) { return deviation * key.pair(next++, cnf::Distribution::normal)[0]; }
};

/// An offset from the view's centre to an offset from the image's, rows and columns.
struct Warp {
  double yy = 1, yx = 0, xy = 0, xx = 1;

  std::array<double, 2> operator()(double y, double x) const { return {yy * y + yx * x, xy * y + xx * x}; }
  Warp inverse() const {
    const double det = yy * xx - yx * xy;
    return {xx / det, -yx / det, -xy / det, yy / det};
  }
};

Warp random_warp(Dice& dice, double how_often) {
  const bool any_angle = dice.uniform(0, 1) < how_often;
  double angle = std::floor(dice.uniform(0, 4)) * std::numbers::pi / 2;
  double scale = 1, shear = 0;
  if (any_angle) {
    angle = dice.uniform(0, 2 * std::numbers::pi);
    scale = dice.uniform(0.8, 1.2);
    shear = std::clamp(dice.normal(10), -40.0, 40.0) * std::numbers::pi / 180;
  }
  const double mirror = dice.uniform(0, 1) < 0.5 ? -1 : 1;
  // right angles exactly, so that a turned view is no interpolation
  const auto exact = [&](double v) { return any_angle ? v : std::round(v); };
  const double c = exact(std::cos(angle)) / scale, s = exact(std::sin(angle)) / scale, t = std::tan(shear);
  return {c, (s + t * c) * mirror, -s, (c - t * s) * mirror};
}

/// A view of height x width whose centre lies on (centre_y, centre_x) of the image.
struct View {
  Warp warp;
  double centre_y = 0, centre_x = 0;
  std::array<double, colours> factor{1, 1, 1}, offset{0, 0, 0};
};

/// Even extents have their centre between two pixels: then so must the point of the image that they look at.
double between_pixels(double centre) { return std::floor(centre) + 0.5; }

View random_view(const Prepared& image, const AugmentOptions& options, Dice& dice) {
  const auto& fov = image.fundus.field_of_view;
  View view{.warp = random_warp(dice, options.warp)};
  const auto place = [&](int extent) {
    if (options.crop == 0 || extent <= options.crop) return between_pixels((extent - 1) / 2.0);
    return between_pixels(dice.uniform(options.crop / 2.0 - 1, extent - options.crop / 2.0));
  };
  view.centre_y = place(fov.height);
  view.centre_x = place(fov.width);
  for (std::size_t c = 0; c < colours; ++c) {
    view.factor[c] = dice.uniform(1 - options.jitter, 1 + options.jitter);
    view.offset[c] = dice.uniform(-options.jitter, options.jitter);
  }
  return view;
}

/// Half extents, from its centre, of the canvas that holds the whole field of view.
std::array<double, 2> half_extents(const Mask& fov, const View& view) {
  const auto to_view = view.warp.inverse();
  std::array<double, 2> half{0, 0};
  for (int y = 0; y < fov.height; ++y) {
    const auto* row = fov.on.data() + std::ptrdiff_t(y) * fov.width;
    const auto* first = std::find(row, row + fov.width, 1);
    if (first == row + fov.width) continue;
    auto last = fov.width - 1;
    while (row[last] == 0) --last;
    for (const auto x : {double(first - row), double(last)}) {
      const auto at = to_view(y - view.centre_y, x - view.centre_x);
      for (std::size_t i = 0; i < 2; ++i) half[i] = std::max(half[i], std::abs(at[i]) + 0.5);
    }
  }
  return half;
}

void draw(const Prepared& image, const View& view, const at::Tensor& x, const at::Tensor& y) {
  const auto& fov = image.fundus.field_of_view;
  const auto& rgb = image.fundus.image.rgb;
  const long height = x.size(1), width = x.size(2), area = height * width;
  float* to = x.data_ptr<float>();
  auto* label = y.data_ptr<std::uint8_t>();
  const auto place = [&](long row, long column) { return std::size_t(row * fov.width + column); };
  const auto inside = [&](long row, long column) {
    return row >= 0 && row < fov.height && column >= 0 && column < fov.width &&
           fov.on[place(row, column)] != 0;
  };
  for (long row = 0; row < height; ++row)
    for (long column = 0; column < width; ++column) {
      const long pixel = row * width + column;
      const auto at = view.warp(double(row) - double(height - 1) / 2, double(column) - double(width - 1) / 2);
      const double sy = view.centre_y + at[0], sx = view.centre_x + at[1];
      const long nearest_y = std::lround(sy), nearest_x = std::lround(sx);
      if (!inside(nearest_y, nearest_x)) continue;
      label[pixel] = image.fundus.label.on[place(nearest_y, nearest_x)];
      to[long(colours) * area + pixel] = 1;
      const long y0 = std::lround(std::floor(sy)), x0 = std::lround(std::floor(sx));
      const double fy = sy - double(y0), fx = sx - double(x0);
      std::array<double, colours> sum{};
      double weights = 0;  // of the neighbours inside the field of view
      for (long dy = 0; dy < 2; ++dy)
        for (long dx = 0; dx < 2; ++dx) {
          const double weight = (dy != 0 ? fy : 1 - fy) * (dx != 0 ? fx : 1 - fx);
          if (weight == 0 || !inside(y0 + dy, x0 + dx)) continue;
          for (std::size_t c = 0; c < colours; ++c) sum[c] += weight * rgb[3 * place(y0 + dy, x0 + dx) + c];
          weights += weight;
        }
      for (std::size_t c = 0; c < colours; ++c)
        to[long(c) * area + pixel] =
            float(view.factor[c] * double(image.normalised(sum[c] / weights, c)) + view.offset[c]);
    }
}

/// Number of the image that is drawn as the nth in all.
std::size_t image_for(std::int64_t n, std::size_t count, std::uint64_t seed) {
  std::vector<std::size_t> order(count);
  std::iota(order.begin(), order.end(), std::size_t{0});
  const auto epoch = std::uint32_t(n / std::int64_t(count));
  const cnf::NoiseKey key{.seed = seed, .input = epoch, .level = 1};
  for (std::size_t i = count - 1; i > 0; --i)
    std::swap(order[i], order[std::size_t(key.uniform_pair(std::uint32_t(i))[0] * double(i + 1))]);
  return order[std::size_t(n % std::int64_t(count))];
}

}  // namespace

at::Tensor to_input(const support::Image& image, const Mask& field_of_view) {
  const auto values = input_values(image, field_of_view);
  auto x = at::empty({1, std::int64_t(channels), image.height, image.width});
  std::copy(values.begin(), values.end(), x.data_ptr<float>());
  return x;
}

at::Tensor to_target(const Mask& mask) {
  auto y = at::zeros({1, 1, mask.height, mask.width}, at::kByte);
  std::copy(mask.on.begin(), mask.on.end(), y.data_ptr<std::uint8_t>());
  return y;
}

std::vector<float> floats(const at::Tensor& t) {
  const auto flat = t.to(at::kCPU, at::kFloat).contiguous();
  return {flat.data_ptr<float>(), flat.data_ptr<float>() + flat.numel()};
}

Views random_views(const std::vector<Prepared>& images, int count, const AugmentOptions& options,
                   std::uint64_t seed, std::int64_t step, int first, int some) {
  std::vector<const Prepared*> chosen;  // of the whole batch, whose canvas is one

  std::vector<View> views;
  std::array<double, 2> half{options.crop / 2.0, options.crop / 2.0};
  for (int i = 0; i < count; ++i) {
    chosen.push_back(&images[image_for(step * count + i, images.size(), seed)]);
    Dice dice{{.seed = seed, .input = std::uint32_t(step), .draw = std::uint32_t(i)}};
    views.push_back(random_view(*chosen.back(), options, dice));
    if (options.crop > 0) continue;
    const auto needed = half_extents(chosen.back()->fundus.field_of_view, views.back());
    for (std::size_t d = 0; d < 2; ++d) half[d] = std::max(half[d], needed[d]);
  }
  const auto extent = [](double h) { return std::int64_t(std::ceil(h / 2)) * 4; };
  if (some == 0) some = count;
  Views all{at::zeros({some, std::int64_t(channels), extent(half[0]), extent(half[1])}),
            at::zeros({some, 1, extent(half[0]), extent(half[1])}, at::kByte)};
  for (int i = 0; i < some; ++i)
    draw(*chosen[std::size_t(first + i)], views[std::size_t(first + i)], all.x[i], all.y[i]);
  return all;
}

}  // namespace vessel_segmentation
