#include "support/picture.hpp"

#include <OpenImageIO/imagebuf.h>
#include <OpenImageIO/imagebufalgo.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>

#include "cnf/core/error.hpp"
#include "support/font.hpp"

namespace support {

namespace {

constexpr int smallest_font = 9;
constexpr float caption_grey = 0.2F;

// OpenImageIO 2.4 draws wrong letters for anything but ASCII: show one question mark per character instead.
std::string ascii(const std::string& text) {
  std::string result;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x80) result += c;
    if (byte >= 0xC0) result += '?';  // the first byte of a UTF-8 character
  }
  return result;
}

int text_width(const std::string& text, int font_size, const std::string& font) {
  const OIIO::ROI box = OIIO::ImageBufAlgo::text_size(ascii(text), font_size, font);
  return box.defined() ? box.xend : 0;
}

std::vector<std::string> split(const std::string& text, char separator) {
  std::vector<std::string> parts(1);
  for (const char c : text) {
    if (c == separator) {
      parts.emplace_back();
    } else {
      parts.back() += c;
    }
  }
  return parts;
}

// Cuts a word that is wider than its column into pieces that fit.
std::vector<std::string> break_word(const std::string& word, int width, int font_size,
                                    const std::string& font) {
  std::vector<std::string> pieces(1);
  for (const char c : word) {
    if (!pieces.back().empty() && text_width(pieces.back() + c, font_size, font) > width)
      pieces.emplace_back();
    pieces.back() += c;
  }
  return pieces;
}

std::vector<std::string> wrap(const std::string& text, int width, int font_size, const std::string& font) {
  std::vector<std::string> lines;
  if (text.empty()) return lines;
  for (const std::string& paragraph : split(text, '\n')) {
    std::string line;
    for (const std::string& word : split(paragraph, ' ')) {
      for (const std::string& piece : break_word(word, width, font_size, font)) {
        const std::string longer = line.empty() ? piece : line + " " + piece;
        if (!line.empty() && text_width(longer, font_size, font) > width) {
          lines.push_back(line);
          line = piece;
        } else {
          line = longer;
        }
      }
    }
    lines.push_back(line);
  }
  return lines;
}

struct Layout {
  int columns = 0;
  std::vector<std::vector<int>> magnification;  // per row and cell
  std::vector<int> column_width;
  std::vector<int> image_height;    // per row
  std::vector<int> caption_height;  // per row
  int label_width = 0;              // of the strip on the left
  int font_size = 0;
  int line_height() const { return font_size + font_size / 3; }
};

// All images of a row at about the height and width of its largest one, each by a whole factor.
std::vector<int> magnify_row(const std::vector<Cell>& row, int cell_size) {
  int height = 1;
  int width = 1;
  for (const Cell& cell : row) {
    height = std::max(height, cell.image.height);
    width = std::max(width, cell.image.width);
  }
  const double enlarge = std::max(1, cell_size / std::max(height, width));
  std::vector<int> factors;
  for (const Cell& cell : row) {
    const double fit = std::min(height * enlarge / std::max(1, cell.image.height),
                                width * enlarge / std::max(1, cell.image.width));
    factors.push_back(std::max(1, static_cast<int>(std::lround(fit))));
  }
  return factors;
}

// The largest size up to the wanted one at which no word of a caption has to be broken.
int fitting_font_size(const std::vector<std::vector<Cell>>& rows, const Layout& layout,
                      const PictureOptions& options) {
  int size = std::max(options.font_size, 1);
  for (const auto& row : rows) {
    for (std::size_t column = 0; column < row.size(); ++column) {
      for (const std::string& line : split(row[column].caption, '\n')) {
        for (const std::string& word : split(line, ' ')) {
          while (size > smallest_font && text_width(word, size, options.font) > layout.column_width[column])
            --size;
        }
      }
    }
  }
  return size;
}

Layout arrange(const std::vector<std::vector<Cell>>& rows, const PictureOptions& options, bool has_font) {
  Layout layout;
  for (const auto& row : rows) {
    layout.magnification.push_back(magnify_row(row, options.cell_size));
    layout.image_height.push_back(0);
    layout.column_width.resize(std::max(layout.column_width.size(), row.size()));
    for (std::size_t column = 0; column < row.size(); ++column) {
      const int factor = layout.magnification.back()[column];
      layout.image_height.back() = std::max(layout.image_height.back(), factor * row[column].image.height);
      layout.column_width[column] = std::max(layout.column_width[column], factor * row[column].image.width);
    }
  }
  layout.caption_height.assign(rows.size(), 0);
  if (!has_font) return layout;

  // A column narrower than this could not hold a readable word.
  for (int& width : layout.column_width) width = std::max(width, 4 * smallest_font);
  layout.font_size = fitting_font_size(rows, layout, options);
  for (std::size_t row = 0; row < rows.size(); ++row) {
    std::size_t lines = 0;
    for (std::size_t column = 0; column < rows[row].size(); ++column) {
      lines = std::max(
          lines, wrap(rows[row][column].caption, layout.column_width[column], layout.font_size, options.font)
                     .size());
    }
    if (lines > 0)
      layout.caption_height[row] = static_cast<int>(lines) * layout.line_height() + layout.font_size / 3;
  }
  for (std::size_t row = 0; row < std::min(rows.size(), options.row_labels.size()); ++row) {
    for (const std::string& line : split(options.row_labels[row], '\n')) {
      layout.label_width = std::max(layout.label_width, text_width(line, layout.font_size, options.font));
    }
  }
  if (layout.label_width > 0) layout.label_width += options.margin;
  return layout;
}

void paste(Image& sheet, const Image& image, int top, int left, int factor) {
  const auto offset = [](const Image& in, int row, int column) {
    return 3 * (static_cast<std::ptrdiff_t>(row) * in.width + column);
  };
  for (int row = 0; row < factor * image.height; ++row) {
    for (int column = 0; column < factor * image.width; ++column) {
      const std::uint8_t* from = image.rgb.data() + offset(image, row / factor, column / factor);
      std::copy(from, from + 3, sheet.rgb.data() + offset(sheet, top + row, left + column));
    }
  }
}

class Pen {
 public:
  Pen(Image& sheet, const Layout& layout, const std::string& font)
      : canvas_(OIIO::ImageSpec(sheet.width, sheet.height, 3, OIIO::TypeDesc::UINT8), sheet.rgb.data()),
        layout_(layout),
        font_(font) {}

  void write(const std::vector<std::string>& lines, int x, int top, OIIO::ImageBufAlgo::TextAlignX align) {
    const float grey[] = {caption_grey, caption_grey, caption_grey};
    int baseline = top + layout_.font_size;
    for (const std::string& line : lines) {
      OIIO::ImageBufAlgo::render_text(canvas_, x, baseline, ascii(line), layout_.font_size, font_, grey,
                                      align, OIIO::ImageBufAlgo::TextAlignY::Baseline);
      baseline += layout_.line_height();
    }
  }

 private:
  OIIO::ImageBuf canvas_;
  const Layout& layout_;
  const std::string& font_;
};

}  // namespace

Image picture_grid(const std::vector<std::vector<Cell>>& rows, const PictureOptions& options) {
  using Align = OIIO::ImageBufAlgo::TextAlignX;
  const bool has_font = support::has_font(options.font, "the picture has no captions");
  const Layout layout = arrange(rows, options, has_font);
  if (layout.column_width.empty()) throw cnf::Error("picture_grid: expected at least one cell, got none");

  const int margin = std::max(options.margin, 0);
  Image sheet{margin, margin + layout.label_width, {}};
  for (const int width : layout.column_width) sheet.width += width + margin;
  for (std::size_t row = 0; row < rows.size(); ++row) {
    sheet.height += layout.caption_height[row] + layout.image_height[row] + margin;
  }
  sheet.rgb.assign(3 * static_cast<std::size_t>(sheet.height) * static_cast<std::size_t>(sheet.width), 255);

  Pen pen(sheet, layout, options.font);
  int top = margin;
  for (std::size_t row = 0; row < rows.size(); ++row) {
    const int image_top = top + layout.caption_height[row];
    if (has_font && row < options.row_labels.size()) {
      const std::vector<std::string> lines = split(options.row_labels[row], '\n');
      const int height = static_cast<int>(lines.size()) * layout.line_height();
      pen.write(lines, margin, image_top + std::max(0, (layout.image_height[row] - height) / 2), Align::Left);
    }
    int left = margin + layout.label_width;
    for (std::size_t column = 0; column < rows[row].size(); ++column) {
      const Cell& cell = rows[row][column];
      const int width = layout.column_width[column];
      const int factor = layout.magnification[row][column];
      paste(sheet, cell.image, image_top + (layout.image_height[row] - factor * cell.image.height) / 2,
            left + (width - factor * cell.image.width) / 2, factor);
      if (has_font) {
        const auto lines = wrap(cell.caption, width, layout.font_size, options.font);
        // Captions stand on their image: fewer lines start lower.
        const int height = static_cast<int>(lines.size()) * layout.line_height() + layout.font_size / 3;
        pen.write(lines, left + width / 2, image_top - height, Align::Center);
      }
      left += width + margin;
    }
    top = image_top + layout.image_height[row] + margin;
  }
  return sheet;
}

}  // namespace support
