#include "support/picture.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <iostream>
#include <sstream>
#include <string>
#include <vector>

#include "cnf/core/error.hpp"
#include "support/doctest.hpp"

using support::Cell;
using support::Image;
using support::picture_grid;

namespace {

using Colour = std::array<std::uint8_t, 3>;
constexpr Colour red{200, 0, 0};
constexpr Colour blue{0, 0, 200};
constexpr Colour white{255, 255, 255};

Image flat(int height, int width, Colour colour) {
  Image image{height, width, {}};
  for (int i = 0; i < height * width; ++i) image.rgb.insert(image.rgb.end(), colour.begin(), colour.end());
  return image;
}

Colour pixel(const Image& image, int row, int column) {
  const auto i = 3 * (static_cast<std::size_t>(row) * static_cast<std::size_t>(image.width) +
                      static_cast<std::size_t>(column));
  return {image.rgb[i], image.rgb[i + 1], image.rgb[i + 2]};
}

// How many pixels have this colour.
int count(const Image& image, Colour colour) {
  int result = 0;
  for (int row = 0; row < image.height; ++row) {
    for (int column = 0; column < image.width; ++column)
      result += pixel(image, row, column) == colour ? 1 : 0;
  }
  return result;
}

// How many pixels of a rectangle are grey or black, as only text is.
int ink(const Image& image, int top, int left, int bottom, int right) {
  int result = 0;
  for (int row = top; row < bottom; ++row) {
    for (int column = left; column < right; ++column) {
      const Colour c = pixel(image, row, column);
      result += c[0] == c[1] && c[1] == c[2] && c[0] < 255 ? 1 : 0;
    }
  }
  return result;
}

// Collects what is written to std::cerr while it lives.
class CapturedErrors {
 public:
  CapturedErrors() : old_(std::cerr.rdbuf(text_.rdbuf())) {}
  ~CapturedErrors() { std::cerr.rdbuf(old_); }
  CapturedErrors(const CapturedErrors&) = delete;
  CapturedErrors& operator=(const CapturedErrors&) = delete;
  std::string text() const { return text_.str(); }

 private:
  std::ostringstream text_;
  std::streambuf* old_;
};

// Machines without fonts skip what needs one.
bool has_font() {
  const CapturedErrors errors;
  picture_grid({{{"x", flat(40, 40, red)}}});
  return errors.text().empty();
}

}  // namespace

TEST_CASE("images of one row are enlarged by whole factors to one size, pixels staying squares") {
  const Image sheet =
      picture_grid({{{"", flat(8, 8, red)}, {"", flat(16, 16, blue)}}}, {.cell_size = 70, .margin = 3});
  CHECK(sheet.height == 3 + 64 + 3);
  CHECK(sheet.width == 3 + 64 + 3 + 64 + 3);
  CHECK(pixel(sheet, 3, 3) == red);
  CHECK(pixel(sheet, 66, 66) == red);
  CHECK(pixel(sheet, 3, 70) == blue);
  CHECK(pixel(sheet, 2, 3) == white);
  CHECK(pixel(sheet, 3, 67) == white);
  CHECK(count(sheet, red) == 64 * 64);
  CHECK(count(sheet, blue) == 64 * 64);
}

TEST_CASE("large images are never shrunk, small ones beside them are enlarged, odd ones are centred") {
  const Image sheet =
      picture_grid({{{"", flat(33, 65, red)}, {"", flat(17, 33, blue)}}}, {.cell_size = 40, .margin = 4});
  CHECK(sheet.height == 4 + 34 + 4);
  CHECK(sheet.width == 4 + 65 + 4 + 66 + 4);
  CHECK(count(sheet, red) == 33 * 65);
  CHECK(count(sheet, blue) == 34 * 66);
}

TEST_CASE("rows may differ in length and size, and an empty image leaves its place blank") {
  const Image sheet = picture_grid({{{"", flat(40, 40, red)}, {"", Image{}}}, {{"", flat(50, 60, blue)}}},
                                   {.cell_size = 1, .margin = 5});
  CHECK(sheet.height == 5 + 40 + 5 + 50 + 5);
  CHECK(count(sheet, red) == 40 * 40);
  CHECK(count(sheet, blue) == 50 * 60);
  CHECK_THROWS_AS(picture_grid({}), cnf::Error);
  CHECK_THROWS_AS(picture_grid({{}, {}}), cnf::Error);
}

TEST_CASE("captions stand above their own column and never reach the neighbour's or the image") {
  if (!has_font()) return;
  const std::string caption = "an extraordinarily long caption, uncharacteristicallyunbreakable";
  const int margin = 10;
  const Image sheet = picture_grid({{{caption, flat(90, 90, red)}, {"", flat(90, 90, blue)}}},
                                   {.cell_size = 90, .margin = margin});
  const int strip_bottom = sheet.height - margin - 90;
  CHECK(strip_bottom > margin + 30);  // several lines
  CHECK(ink(sheet, margin, margin, strip_bottom, margin + 90) > 200);
  CHECK(ink(sheet, 0, margin + 90, sheet.height, sheet.width) == 0);
  CHECK(ink(sheet, 0, 0, sheet.height, margin) == 0);
  CHECK(ink(sheet, 0, 0, margin, sheet.width) == 0);
  CHECK(count(sheet, red) == 90 * 90);
  CHECK(count(sheet, blue) == 90 * 90);
}

TEST_CASE("only rows with captions have a strip for them; labels stand left of their row") {
  if (!has_font()) return;
  const Cell cell{"", flat(60, 60, red)};
  const Cell titled{"title", flat(60, 60, red)};
  const int plain = picture_grid({{cell}, {cell}}).height;
  const int heading = picture_grid({{titled}, {cell}}).height;
  CHECK(heading > plain);
  CHECK(picture_grid({{titled}, {titled}}).height - heading == heading - plain);

  const Image labelled =
      picture_grid({{cell}, {cell}}, {.cell_size = 60, .margin = 10, .row_labels = {"", "second"}});
  const int left = labelled.width - 60 - 10;
  CHECK(left > 40);
  CHECK(ink(labelled, 0, 0, 10 + 60, left) == 0);
  CHECK(ink(labelled, 10 + 60 + 10, 10, labelled.height - 10, left - 5) > 30);
}

TEST_CASE("without a font there is a grid without captions and one line of warning") {
  const CapturedErrors errors;
  const Image sheet = picture_grid({{{"caption", flat(8, 8, red)}}},
                                   {.cell_size = 8, .margin = 2, .font = "NoSuchFontAnywhere"});
  CHECK(sheet.height == 12);
  CHECK(sheet.width == 12);
  CHECK(count(sheet, red) == 64);
  const std::string text = errors.text();
  CHECK(text.find("NoSuchFontAnywhere") != std::string::npos);
  CHECK(std::count(text.begin(), text.end(), '\n') == 1);
}
