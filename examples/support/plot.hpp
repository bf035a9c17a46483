// Line and scatter plots as PNG pictures of 800 x 700 pixels, drawn by gnuplot (Debian package gnuplot-nox).
//
// gnuplot is looked up in PATH when a plot is written; nothing is needed to build. Texts are UTF-8 and come
// out as they are, without markup. A series without a title is left out of the legend, which stands below the
// plot. An axis without a range is fitted to the data; points outside a range are not drawn. With `iso_f` the
// plot is one of precision (y) over recall (x), both 0..1 unless told otherwise, and grey dashed lines join
// points of equal F = 2 precision recall / (precision + recall).
// The file appears whole or not at all. Throws cnf::Error of one line: no gnuplot, nothing to draw, a point
// that is not finite, a file that cannot be written.
//
//     support::write_plot("curve.png", {.title = "Test images", .x_label = "recall", .y_label = "precision",
//                                       .series = {{"flow", support::Style::line, points}}, .iso_f = true});
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace support {

enum class Style { line, dashed, points, line_points };

struct Point {
  double x = 0.0;
  double y = 0.0;
};

struct Series {
  std::string title;
  Style style = Style::line;
  std::vector<Point> points;
};

struct Range {
  double low = 0.0;
  double high = 1.0;
};

struct Plot {
  std::string title;
  std::string x_label;
  std::string y_label;
  std::optional<Range> x_range = {};
  std::optional<Range> y_range = {};
  std::vector<Series> series;
  bool iso_f = false;
};

void write_plot(const std::filesystem::path& path, const Plot& plot);

// For programs that plot at the end of long work: throws at once when gnuplot cannot be started.
void require_gnuplot();

}  // namespace support
