#include "graphics.hpp"

#include <OpenImageIO/imagebuf.h>
#include <OpenImageIO/imagebufalgo.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <string>

#include "cnf/noise/noise.hpp"
#include "support/font.hpp"

namespace super_resolution {
namespace {

using Colour = std::array<std::uint8_t, 3>;

/// Random numbers one after another.
class Dice {
 public:
  Dice(std::uint64_t seed, std::uint32_t index)
      : key_{.seed = seed, .stream = cnf::Stream::user, .input = index, .level = 1} {}

  /// In (0, 1).
  double uniform() { return key_.uniform_pair(next_++)[0]; }
  double uniform(double low, double high) { return low + (high - low) * uniform(); }
  /// low .. high, both included.
  int whole(int low, int high) { return low + int(uniform() * (high - low + 1)); }
  bool chance(double probability) { return uniform() < probability; }
  Colour colour() {
    const bool any = chance(0.6);
    Colour c{};
    for (auto& v : c) v = std::uint8_t(any ? whole(0, 255) : 255 * whole(0, 1));
    return c;
  }

 private:
  cnf::NoiseKey key_;
  std::uint32_t next_ = 0;
};

class Canvas {
 public:
  Canvas(int size, const Colour& ground) : image_{size, size, {}} {
    image_.rgb.reserve(3 * std::size_t(size) * std::size_t(size));
    for (int i = 0; i < size * size; ++i) image_.rgb.insert(image_.rgb.end(), ground.begin(), ground.end());
  }

  int size() const { return image_.width; }
  void set(int y, int x, const Colour& colour) {
    if (y >= 0 && y < size() && x >= 0 && x < size())
      std::copy(colour.begin(), colour.end(), image_.rgb.begin() + 3 * (std::ptrdiff_t(y) * size() + x));
  }
  /// Every pixel of a stretch for which `inside(y, x)`.
  template <class Inside>
  void fill(int top, int left, int bottom, int right, const Colour& colour, const Inside& inside) {
    for (int y = std::max(0, top); y <= std::min(size() - 1, bottom); ++y)
      for (int x = std::max(0, left); x <= std::min(size() - 1, right); ++x)
        if (inside(y, x)) set(y, x, colour);
  }
  /// As much of the text as fits: OpenImageIO 2.4 ends the program where a letter leaves the picture.
  void write(std::string text, int left, int baseline, int font_size, const std::string& font,
             const Colour& colour) {
    const auto fits = [&] {
      const auto box = OIIO::ImageBufAlgo::text_size(text, font_size, font);
      return left + box.xbegin >= 0 && left + box.xend < size() && baseline + box.ybegin >= 0 &&
             baseline + box.yend < size();
    };
    while (!text.empty() && !fits()) text.resize(text.size() * 9 / 10);
    if (text.empty()) return;
    OIIO::ImageBuf buffer(OIIO::ImageSpec(size(), size(), 3, OIIO::TypeDesc::UINT8), image_.rgb.data());
    const float ink[] = {float(colour[0]) / 255, float(colour[1]) / 255, float(colour[2]) / 255};
    OIIO::ImageBufAlgo::render_text(buffer, left, baseline, text, font_size, font, ink);
  }
  support::Image done() && { return std::move(image_); }

 private:
  support::Image image_;
};

void draw_text(Canvas& canvas, Dice& dice) {
  static constexpr std::array fonts{"DejaVuSans",          "DejaVuSans-Bold", "DejaVuSansMono",
                                    "DejaVuSansMono-Bold", "DejaVuSerif",     "DejaVuSerif-Bold"};
  for (int y = 2; y < canvas.size();) {
    const int font_size = dice.whole(8, 29);
    const auto* font = fonts[std::size_t(dice.whole(0, int(fonts.size()) - 1))];
    const auto colour = dice.colour();
    const int left = dice.whole(2, 30);
    std::string text;
    for (int i = 0; i < 2 * canvas.size() / font_size; ++i)
      text += dice.chance(0.85) ? char(dice.whole(33, 126)) : ' ';
    canvas.write(text, left, y + font_size, font_size, font, colour);
    y += font_size * 6 / 5;
  }
}

void draw_shapes(Canvas& canvas, Dice& dice) {
  const int last = canvas.size() - 1;
  for (int i = 0; i < 60; ++i) {
    const int kind = dice.whole(0, 2), y0 = dice.whole(0, last), x0 = dice.whole(0, last),
              y1 = dice.whole(0, last), x1 = dice.whole(0, last);
    const double width = dice.whole(1, 5);
    const bool filled = dice.chance(0.5);
    const auto outline = dice.colour(), inner = dice.colour();
    const int top = std::min(y0, y1), bottom = std::max(y0, y1), left = std::min(x0, x1),
              right = std::max(x0, x1);
    if (kind == 0) {
      const double dy = y1 - y0, dx = x1 - x0, length2 = std::max(1.0, dy * dy + dx * dx);
      canvas.fill(top - 3, left - 3, bottom + 3, right + 3, outline, [&](int y, int x) {
        const double along = std::clamp(((y - y0) * dy + (x - x0) * dx) / length2, 0.0, 1.0);
        return std::hypot(y - y0 - along * dy, x - x0 - along * dx) <= width / 2;
      });
      continue;
    }
    const auto box = [&](double shrink) {
      return [=](int y, int x) {
        return y >= top + shrink && y <= bottom - shrink && x >= left + shrink && x <= right - shrink;
      };
    };
    const auto disc = [&](double shrink) {
      return [=](int y, int x) {
        const double b = (bottom - top) / 2.0 - shrink, a = (right - left) / 2.0 - shrink;
        return a > 0 && b > 0 &&
               std::hypot((y - (top + bottom) / 2.0) / b, (x - (left + right) / 2.0) / a) <= 1;
      };
    };
    const auto draw = [&](const auto& shape) {
      canvas.fill(top, left, bottom, right, outline,
                  [&](int y, int x) { return shape(0)(y, x) && (filled || !shape(width)(y, x)); });
      if (filled) canvas.fill(top, left, bottom, right, inner, shape(width));
    };
    kind == 1 ? draw(box) : draw(disc);
  }
}

void draw_tiles(Canvas& canvas, Dice& dice) {
  constexpr int tile = 48;
  for (int top = 0; top < canvas.size(); top += tile)
    for (int left = 0; left < canvas.size(); left += tile) {
      // 1 .. 5, the narrow ones oftener: they are the hard ones
      const auto side = [&] { return 1 + int(5 * std::pow(dice.uniform(), 2)); };
      const int p = side(), q = dice.chance(0.5) ? p : side(), kind = dice.whole(0, 3);
      const auto one = dice.colour(), other = dice.colour();
      for (int y = 0; y < tile; ++y)
        for (int x = 0; x < tile; ++x) {
          const int phase = kind < 2 ? y / p + x / q : kind == 2 ? y / p : x / q;
          canvas.set(top + y, left + x, phase % 2 ? one : other);
        }
    }
}

void draw_gradient(Canvas& canvas, Dice& dice) {
  const auto from = dice.colour(), to = dice.colour();
  const double angle = dice.uniform(0, 6.28), s = std::sin(angle), c = std::cos(angle),
               last = canvas.size() - 1;
  const double least = std::min(0.0, s * last) + std::min(0.0, c * last),
               most = std::max(0.0, s * last) + std::max(0.0, c * last);
  const bool dithered = dice.chance(0.5);
  for (int y = 0; y < canvas.size(); ++y)
    for (int x = 0; x < canvas.size(); ++x) {
      const double u = (s * y + c * x - least) / (most - least), limit = dithered ? dice.uniform() : 0;
      Colour colour{};
      for (std::size_t i = 0; i < 3; ++i) {
        const double v = from[i] + (to[i] - from[i]) * u;
        colour[i] = std::uint8_t(dithered ? (v / 255 > limit ? 255 : 0) : std::lround(v));
      }
      canvas.set(y, x, colour);
    }
}

}  // namespace

support::Image drawn_graphic(std::uint64_t seed, std::uint32_t index, int size) {
  static const bool has_text = support::has_font("DejaVuSans", "graphics have no text");
  Dice dice(seed, index);
  Canvas canvas(size, dice.colour());
  switch (index % 5) {
    case 0:
    case 1:
      has_text ? draw_text(canvas, dice) : draw_shapes(canvas, dice);
      break;
    case 2:
      draw_shapes(canvas, dice);
      break;
    case 3:
      draw_tiles(canvas, dice);
      break;
    default:
      draw_gradient(canvas, dice);
  }
  return std::move(canvas).done();
}

}  // namespace super_resolution
