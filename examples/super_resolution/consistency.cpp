#include "consistency.hpp"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdlib>

#include "resize.hpp"

namespace super_resolution {

double low_resolution_error(const support::Image& result, const support::Image& low) {
  const auto again = imresize(result, 0.5);
  double squares = 0;
  for (std::size_t i = 0; i < low.rgb.size(); ++i) {
    const double off = again.rgb[i] - low.rgb[i];
    squares += off * off;
  }
  return squares;
}

double consistency(double squares, double count) {
  return std::min(99.0, 10 * std::log10(255.0 * 255.0 * count / squares));
}

double consistency(const support::Image& result, const support::Image& low) {
  return consistency(low_resolution_error(result, low), double(low.rgb.size()));
}

support::Image made_consistent(support::Image result, const support::Image& low) {
  constexpr int rounds = 8;
  for (int round = 0; round < rounds; ++round) {
    // the difference as two images, of what is missing and of what is too much
    const auto now = imresize(result, 0.5);
    auto missing = low, excess = low;
    int worst = 0;
    for (std::size_t i = 0; i < low.rgb.size(); ++i) {
      const int off = low.rgb[i] - now.rgb[i];
      missing.rgb[i] = static_cast<std::uint8_t>(std::max(off, 0));
      excess.rgb[i] = static_cast<std::uint8_t>(std::max(-off, 0));
      worst = std::max(worst, std::abs(off));
    }
    if (worst <= 1) break;
    const auto more = imresize(missing, 2), less = imresize(excess, 2);
    for (std::size_t i = 0; i < result.rgb.size(); ++i)
      result.rgb[i] =
          static_cast<std::uint8_t>(std::clamp(result.rgb[i] + more.rgb[i] - less.rgb[i], 0, 255));
  }
  return result;
}

}  // namespace super_resolution
