#include "input.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <utility>

#include "cnf/core/error.hpp"

namespace vessel_segmentation {
namespace {

constexpr std::size_t colours = 3, channels = 4;

struct Span {
  int first = std::numeric_limits<int>::max(), last = -1;
  void add(int i) { first = std::min(first, i), last = std::max(last, i); }
  bool contains(int i) const { return first <= i && i <= last; }
  int length() const { return std::max(0, last - first + 1); }
};

}  // namespace

Mask mask_of(const support::Levels& levels, const std::string& file) {
  using Colour = std::array<float, 3>;
  // compression and palettes that were chosen for a picture may leave black and white a little grey
  constexpr float tolerance = 64.0F / 255;
  const auto colour_at = [&](std::size_t i) {
    return Colour{levels.rgb[3 * i], levels.rgb[3 * i + 1], levels.rgb[3 * i + 2]};
  };
  const auto visible = [&](std::size_t i) { return levels.alpha.empty() || levels.alpha[i] >= 0.5F; };
  const auto luma = [](const Colour& c) { return 0.299F * c[0] + 0.587F * c[1] + 0.114F * c[2]; };
  const auto text = [](const Colour& c) {
    std::string all;
    for (const float v : c)
      all += (all.empty() ? "(" : ", ") +
             (std::isfinite(v) ? std::to_string(std::lround(255 * v)) : "not a number");
    return all + ")";
  };

  std::vector<Colour> colours;  // of what is visible; three are as good as many
  bool transparent = false;
  for (std::size_t i = 0; i < levels.pixels() && colours.size() < 3; ++i) {
    if (!visible(i))
      transparent = true;
    else if (const auto c = colour_at(i); std::find(colours.begin(), colours.end(), c) == colours.end())
      colours.push_back(c);
  }
  const auto is_black = [&](const Colour& c) { return *std::max_element(c.begin(), c.end()) <= tolerance; };
  const auto is_white = [&](const Colour& c) {
    return *std::min_element(c.begin(), c.end()) >= 1 - tolerance;
  };
  const auto chosen = [&](const auto& is_on) {
    Mask mask{levels.height, levels.width, std::vector<std::uint8_t>(levels.pixels())};
    for (std::size_t i = 0; i < mask.on.size(); ++i) mask.on[i] = visible(i) && is_on(colour_at(i));
    return mask;
  };
  if (colours.empty()) return chosen([](const Colour&) { return false; });
  if (colours.size() == 1 && transparent) return chosen([](const Colour&) { return true; });
  const bool background_told = transparent && !is_black(colours[0]) && !is_black(colours.back());
  if (colours.size() == 2 && luma(colours[0]) != luma(colours[1]) && !background_told) {
    const auto on = luma(colours[0]) > luma(colours[1]) ? colours[0] : colours[1];
    return chosen([&](const Colour& c) { return c == on; });
  }
  const bool one_grey =
      colours.size() == 1 && luma(colours[0]) > 0;  // 1 of 255 everywhere may be all or nothing
  return chosen([&](const Colour& c) {
    if ((!is_black(c) || one_grey) && !is_white(c))
      throw cnf::Error("expected black and white, or two values, in " + file + ", got " +
                       (colours.size() == 1 ? text(c) + " everywhere" : text(c)));
    return is_white(c);
  });
}

int pixels_across(const Mask& mask) {
  Span rows, columns;
  for (int y = 0; y < mask.height; ++y)
    for (int x = 0; x < mask.width; ++x)
      if (mask.on[std::size_t(y) * std::size_t(mask.width) + std::size_t(x)] != 0)
        rows.add(y), columns.add(x);
  return std::max(rows.length(), columns.length());
}

Normaliser::Normaliser(const support::Image& image, const Mask& field_of_view) {
  const auto area = field_of_view.on.size();
  const auto count = double(std::accumulate(field_of_view.on.begin(), field_of_view.on.end(), 0L));
  if (count == 0) throw cnf::Error("expected a field of view of at least one pixel, got none");
  for (std::size_t c = 0; c < colours; ++c) {
    double sum = 0, squares = 0;
    for (std::size_t i = 0; i < area; ++i) sum += field_of_view.on[i] * double(image.rgb[3 * i + c]);
    mean[c] = sum / count;
    for (std::size_t i = 0; i < area; ++i)
      squares += field_of_view.on[i] * (image.rgb[3 * i + c] - mean[c]) * (image.rgb[3 * i + c] - mean[c]);
    deviation[c] = std::max(1.0, std::sqrt(squares / count));  // a flat channel stays flat
  }
}

std::vector<float> input_values(const support::Image& image, const Mask& field_of_view) {
  const Normaliser normalised(image, field_of_view);
  const auto area = field_of_view.on.size();
  std::vector<float> values(channels * area);
  for (std::size_t i = 0; i < area; ++i) {
    if (field_of_view.on[i] == 0) continue;
    for (std::size_t c = 0; c < colours; ++c) values[c * area + i] = normalised(image.rgb[3 * i + c], c);
    values[colours * area + i] = 1;
  }
  return values;
}

Mask field_of_view_of(const support::Image& image) {
  const int height = image.height, width = image.width;
  const auto at = [width](int y, int x) { return std::size_t(y) * std::size_t(width) + std::size_t(x); };
  Mask mask{height, width, std::vector<std::uint8_t>(image.rgb.size() / 3)};

  // Red is the brightest channel of a fundus, and even its dark places outshine the frame.
  double mean = 0;
  for (std::size_t i = 0; i < mask.on.size(); ++i) mean += image.rgb[3 * i];
  mean /= double(std::max<std::size_t>(1, mask.on.size()));
  for (std::size_t i = 0; i < mask.on.size(); ++i) mask.on[i] = image.rgb[3 * i] > mean / 4;

  // The largest connected piece: text and lights in the frame are not part of it.
  std::vector<std::size_t> largest;
  auto left = mask.on;
  for (std::size_t start = 0; start < left.size(); ++start) {
    if (!left[start]) continue;
    std::vector<std::size_t> piece{start};
    left[start] = 0;
    for (std::size_t next = 0; next < piece.size(); ++next) {
      const int y = int(piece[next] / std::size_t(width)), x = int(piece[next] % std::size_t(width));
      for (const auto& [ny, nx] : {std::pair{y - 1, x}, {y + 1, x}, {y, x - 1}, {y, x + 1}}) {
        if (ny < 0 || nx < 0 || ny >= height || nx >= width || !left[at(ny, nx)]) continue;
        left[at(ny, nx)] = 0;
        piece.push_back(at(ny, nx));
      }
    }
    if (piece.size() > largest.size()) largest = std::move(piece);
  }

  // A disc is convex: what lies between two of its pixels in the row and in the column belongs to it.
  std::vector<Span> rows(std::size_t(height), Span{}), columns(std::size_t(width), Span{});
  for (const auto i : largest) {
    rows[i / std::size_t(width)].add(int(i % std::size_t(width)));
    columns[i % std::size_t(width)].add(int(i / std::size_t(width)));
  }
  for (int y = 0; y < height; ++y) {
    for (int x = 0; x < width; ++x)
      mask.on[at(y, x)] = rows[std::size_t(y)].contains(x) && columns[std::size_t(x)].contains(y);
  }
  return mask;
}

}  // namespace vessel_segmentation
