#include "input.hpp"

#include <cmath>
#include <limits>
#include <numeric>
#include <utility>

#include "cnf/core/error.hpp"

namespace vessel_segmentation {
namespace {

constexpr std::size_t colours = 3, channels = 4;

}  // namespace

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
  struct Span {
    int first = std::numeric_limits<int>::max(), last = -1;
    void add(int i) { first = std::min(first, i), last = std::max(last, i); }
    bool contains(int i) const { return first <= i && i <= last; }
  };
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
