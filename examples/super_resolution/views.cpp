#include "views.hpp"

#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>

#include "resize.hpp"

namespace super_resolution {
namespace {

constexpr int margin = 4;  // pixels around a crop that its low resolution sees

/// What lines of a view take from the lines of a photograph: `count` rows of weights for lines first, first + 1, ...
struct Lines {
  int first = 0, seen = 0;
  std::vector<Taps> taps;

  /// Lines start, start + 1, ... of a view of `extent` lines; beyond it, its border.
  Lines(int of, int extent, double scale, int start, int count) {
    int last = 0;
    first = of;
    for (int i = start; i < start + count; ++i) {
      taps.push_back(bicubic_taps(std::clamp(i, 0, extent - 1), scale));
      const auto& t = taps.back();
      first = std::min(first, std::clamp(t.first, 0, of - 1));
      last = std::max(last, std::clamp(t.first + int(t.weights.size()) - 1, 0, of - 1));
    }
    seen = last - first + 1;
  }

  /// Row-major, count x window, into zeros.
  void write(float* weights, int window, bool reversed) const {
    for (std::size_t i = 0; i < taps.size(); ++i) {
      float* row = weights + std::ptrdiff_t(reversed ? taps.size() - 1 - i : i) * window;
      for (std::size_t k = 0; k < taps[i].weights.size(); ++k)
        row[std::clamp(taps[i].first + int(k) - first, 0, seen - 1)] += float(taps[i].weights[k]);
    }
  }
};

/// One crop: lines of its view with the margin, down and across.
struct Window {
  Lines rows, columns;

  static double scale(const Place& place, int size) {
    return std::max(place.view.scale,
                    double(size) / double(std::min(place.image.size(0), place.image.size(1))));
  }
  static Lines lines(std::int64_t extent, double scale, double where, int size) {
    const int of = int(extent), all = std::max(size, int(of * scale)),
              start = 2 * int(where * (all / 2 - size / 2 + 1));
    return {of, all, scale, start - margin, size + 2 * margin};
  }
  Window(const Place& place, int size)
      : rows(lines(place.image.size(0), scale(place, size), place.down, size)),
        columns(lines(place.image.size(1), scale(place, size), place.across, size)) {}
};

at::Tensor to_byte_range(const at::Tensor& x) { return at::clamp(at::floor(x + 0.5), 0, 255); }

/// (half, size + 2 margin): imresize(., 0.5) inside the margin.
at::Tensor halving(int size) {
  const int whole = size + 2 * margin;
  auto weights = at::zeros({size / 2, whole}, at::kFloat);
  const Lines lines(whole, whole / 2, 0.5, margin / 2, size / 2);
  lines.write(weights.data_ptr<float>() + lines.first, whole, false);
  return weights;
}

/// (N, 3, M, M) in other colours; views in their own stay as they are, to the last bit.
at::Tensor recoloured(const at::Tensor& y, const std::vector<Place>& places) {
  const auto n = std::int64_t(places.size());
  auto gain = at::empty({n, 1, 1, 1}, at::kFloat), offset = at::empty({n, 1, 1, 1}, at::kFloat),
       inverted = at::empty({n, 1, 1, 1}, at::kFloat), order = at::empty({n, 3}, at::kLong);
  for (std::int64_t i = 0; i < n; ++i) {
    const auto& view = places[std::size_t(i)].view;
    gain.data_ptr<float>()[i] = float(view.contrast);
    offset.data_ptr<float>()[i] = float(128 - view.contrast * 128 + view.brightness);
    inverted.data_ptr<float>()[i] = view.inverted ? 1 : 0;
    for (int c = 0; c < 3; ++c) order.data_ptr<std::int64_t>()[3 * i + c] = view.channels[std::size_t(c)];
  }
  const auto there = [&](const at::Tensor& t) { return t.to(y.device()); };
  const auto seen = to_byte_range(y * there(gain) + there(offset));
  const auto flip = there(inverted);
  const auto coloured = flip * 255 + (1 - 2 * flip) * seen;
  return at::gather(coloured, 1, there(order).view({n, 3, 1, 1}).expand_as(coloured));
}

}  // namespace

View random_view(const cnf::NoiseKey& key) {
  const auto [size, kind] = key.uniform_pair(4);
  const auto [scale, order] = key.uniform_pair(5);
  const auto [contrast, brightness] = key.uniform_pair(6);
  const auto [negative, unused] = key.uniform_pair(7);
  View view;
  if (size >= 0.4) view.scale = 0.5 + 0.5 * scale;
  if (kind < 0.6) return view;
  view.contrast = 1.2 + 1.4 * contrast;
  view.brightness = 180 * (brightness - 0.5);
  view.inverted = negative < 0.5;
  for (int i = int(6 * order); i > 0; --i) std::next_permutation(view.channels.begin(), view.channels.end());
  return view;
}

Crops cut(const std::vector<Place>& places, int size) {
  const auto n = std::int64_t(places.size());
  const int whole = size + 2 * margin;
  std::vector<Window> windows;
  int tall = 0, wide = 0;
  for (const auto& place : places) {
    windows.emplace_back(place, size);
    tall = std::max(tall, windows.back().rows.seen);
    wide = std::max(wide, windows.back().columns.seen);
  }
  const auto options = places.at(0).image.options();
  const auto seen = at::zeros({n, tall, wide, 3}, options);
  auto down = at::zeros({n, whole, tall}, at::kFloat), across = at::zeros({n, whole, wide}, at::kFloat);
  for (std::int64_t i = 0; i < n; ++i) {
    const auto& [rows, columns] = windows[std::size_t(i)];
    const auto& place = places[std::size_t(i)];
    seen[i]
        .narrow(0, 0, rows.seen)
        .narrow(1, 0, columns.seen)
        .copy_(place.image.narrow(0, rows.first, rows.seen).narrow(1, columns.first, columns.seen));
    rows.write(down.data_ptr<float>() + i * whole * tall, tall, false);
    columns.write(across.data_ptr<float>() + i * whole * wide, wide, place.view.mirrored);
  }
  down = down.to(options.device());
  across = across.to(options.device());

  const auto shrunk = down.bmm(seen.view({n, tall, wide * 3}).to(at::kFloat))
                          .view({n, whole, wide, 3})
                          .permute({0, 3, 1, 2})
                          .reshape({n, 3 * whole, wide})
                          .bmm(across.transpose(1, 2))
                          .view({n, 3, whole, whole});
  const auto view = recoloured(to_byte_range(shrunk), places);
  const auto half = halving(size).to(options.device());
  const auto low = to_byte_range(to_byte_range(half.matmul(view)).matmul(half.t()));
  return {low.to(at::kByte), view.narrow(2, margin, size).narrow(3, margin, size).to(at::kByte).contiguous()};
}

}  // namespace super_resolution
