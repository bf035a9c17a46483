#include "support/plot.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <optional>
#include <string>
#include <vector>

#include "cnf/core/error.hpp"
#include "support/doctest.hpp"
#include "support/file_size_limit.hpp"
#include "support/image.hpp"
#include "support/temporary_folder.hpp"

using support::Image;
using support::Plot;
using support::Point;
using support::Range;
using support::Series;
using support::Style;
using support::write_plot;

namespace {

using Colour = std::array<int, 3>;
constexpr Colour first_series{0x00, 0x72, 0xB2};
constexpr Colour second_series{0xD5, 0x5E, 0x00};

// Another value of a variable of the environment, until the end of the scope.
class Environment {
 public:
  Environment(const char* name, const std::string& value) : name_(name) {
    if (const char* before = std::getenv(name)) before_ = before;
    ::setenv(name, value.c_str(), 1);
  }
  Environment(const Environment&) = delete;
  Environment& operator=(const Environment&) = delete;
  ~Environment() { before_ ? ::setenv(name_, before_->c_str(), 1) : ::unsetenv(name_); }

 private:
  const char* name_;
  std::optional<std::string> before_;
};

Image draw(const Plot& plot) {
  const TemporaryFolder folder;
  write_plot(folder / "plot.png", plot);
  CHECK(folder.entries() == 1);
  return support::read_image(folder / "plot.png");
}

Colour pixel(const Image& image, int row, int column) {
  const auto i = 3 * (static_cast<std::size_t>(row) * static_cast<std::size_t>(image.width) +
                      static_cast<std::size_t>(column));
  return {image.rgb[i], image.rgb[i + 1], image.rgb[i + 2]};
}

// The pixels of one colour: how many, and their middle.
struct Found {
  int count = 0;
  double row = 0.0;
  double column = 0.0;
};

Found find(const Image& image, Colour colour) {
  Found found;
  for (int row = 0; row < image.height; ++row) {
    for (int column = 0; column < image.width; ++column) {
      if (pixel(image, row, column) != colour) continue;
      ++found.count;
      found.row += row;
      found.column += column;
    }
  }
  found.row /= std::max(found.count, 1);
  found.column /= std::max(found.count, 1);
  return found;
}

Plot unit_square(const std::vector<Point>& points, Style style = Style::line) {
  return {.x_range = Range{}, .y_range = Range{}, .series = {{"", style, points}}};
}

// Where a point is drawn, with the axes of a plot of precision over recall.
struct Place {
  double row, column;
};

Place place(double x, double y) {
  Plot plot = unit_square({{x, y}}, Style::points);
  plot.iso_f = true;
  const Found found = find(draw(plot), first_series);
  return {found.row, found.column};
}

int darkness(const Image& image, int row, int column) {
  int darkness = 0;
  for (int r = row - 1; r <= row + 1; ++r)
    for (int c = column - 1; c <= column + 1; ++c) darkness = std::max(darkness, 255 - pixel(image, r, c)[1]);
  return darkness;
}

// A program in the folder that is called instead of gnuplot.
void fake_gnuplot(const TemporaryFolder& folder, const std::string& commands) {
  const auto path = folder / "gnuplot";
  std::ofstream(path) << "#!/bin/sh\n" << commands << "\n";
  std::filesystem::permissions(path, std::filesystem::perms::owner_all);
}

const Plot diagonal = unit_square({{0, 0}, {1, 1}});

}  // namespace

TEST_CASE("points lie where the axes say") {
  const Found low = find(draw(unit_square({{0.25, 0.25}}, Style::points)), first_series);
  const Found middle = find(draw(unit_square({{0.5, 0.5}}, Style::points)), first_series);
  const Found high = find(draw(unit_square({{0.75, 0.75}}, Style::points)), first_series);
  CHECK(low.count > 20);
  CHECK(low.row - high.row > 200);
  CHECK(high.column - low.column > 200);
  CHECK(std::abs(middle.row - (low.row + high.row) / 2) < 1.0);
  CHECK(std::abs(middle.column - (low.column + high.column) / 2) < 1.0);
}

TEST_CASE("styles differ, series have colours of their own, what is outside the range is left out") {
  const std::vector<Point> points{{0.2, 0.2}, {0.8, 0.8}};
  const auto ink = [&](Style style) { return find(draw(unit_square(points, style)), first_series).count; };
  const int line = ink(Style::line);
  CHECK(line > 300);
  CHECK(ink(Style::dashed) < 0.8 * line);
  CHECK(ink(Style::points) < 0.5 * line);
  CHECK(ink(Style::line_points) > line);

  Plot two = unit_square(points);
  two.series.push_back({"", Style::line, {{0.2, 0.8}, {0.8, 0.2}}});
  CHECK(find(draw(two), second_series).count > 300);
  two.series[1].points = {{0.2, 2.2}, {0.8, 2.2}};
  CHECK(find(draw(two), second_series).count == 0);
  two.y_range.reset();
  CHECK(find(draw(two), second_series).count > 300);
}

TEST_CASE("a titled series stands in a legend below the plot, where no data is") {
  Plot plot = unit_square({{0, 0.1}, {1, 0.1}});
  plot.series[0].title = "along the bottom";
  const Image image = draw(plot);
  const Found all = find(image, first_series);
  int lowest = 0, highest = image.height;
  for (int row = 0; row < image.height; ++row) {
    for (int column = 0; column < image.width; ++column) {
      if (pixel(image, row, column) != first_series) continue;
      lowest = std::max(lowest, row);
      highest = std::min(highest, row);
    }
  }
  CHECK(lowest - highest > 50);
  plot.series[0].title.clear();
  CHECK(find(draw(plot), first_series).count < all.count);
}

TEST_CASE("lines of equal F pass through the points that have it") {
  const Place origin = place(0.1, 0.1);
  const Place corner = place(0.9, 0.9);
  Plot plot = unit_square({{0, 0}, {0.01, 0}});
  plot.iso_f = true;
  const Image image = draw(plot);
  for (int tenths = 2; tenths <= 8; ++tenths) {
    const double f = tenths / 10.0;
    int dark = 0;
    constexpr int steps = 200;
    for (int i = 1; i < steps; ++i) {
      const double recall = f / (2 - f) + (0.98 - f / (2 - f)) * i / steps;
      const double precision = f * recall / (2 * recall - f);
      const auto between = [](double from, double to, double at) {
        return static_cast<int>(std::lround(from + (to - from) * (at - 0.1) / 0.8));
      };
      dark += darkness(image, between(origin.row, corner.row, precision),
                       between(origin.column, corner.column, recall)) > 50;
    }
    CAPTURE(f);
    if (tenths % 2 == 0)
      CHECK(dark > steps / 2);  // dashed
    else
      CHECK(dark < steps / 10);
  }
}

TEST_CASE("every character of a title is drawn as itself, and none is a command") {
  const auto title_of = [](const std::string& text) {
    Plot plot = diagonal;
    plot.title = text;
    Image image = draw(plot);
    image.rgb.resize(3 * 45 * static_cast<std::size_t>(image.width));
    return image.rgb;
  };
  const auto ink = [](const std::vector<std::uint8_t>& rgb) {
    return std::ranges::count_if(rgb, [](std::uint8_t value) { return value < 128; });
  };
  const auto letters = ink(title_of("I  I"));
  std::vector<std::vector<std::uint8_t>> pictures;
  const std::string special = "'\"\\`$@%_^{}~&#<;";
  for (const char c : special) {
    CAPTURE(c);
    const auto picture = title_of(std::string("I ") + c + " I" + c);
    CHECK(ink(picture) > letters);
    CHECK(std::ranges::find(pictures, picture) == pictures.end());
    pictures.push_back(picture);
  }

  const TemporaryFolder folder;
  const std::string touch = "touch " + (folder / "touched").string();
  for (const std::string& text :
       {"`" + touch + "`", "'\nsystem('" + touch + "')\n#", "\"; !" + touch + "\n"}) {
    Plot plot = diagonal;
    plot.title = plot.x_label = plot.y_label = plot.series[0].title = text;
    draw(plot);
    CHECK(folder.entries() == 0);
  }
}

TEST_CASE("the user's own settings of gnuplot change nothing") {
  const Image before = draw(diagonal);
  const TemporaryFolder home;
  std::ofstream(home / ".gnuplot") << "set logscale x\nset polar\n";
  const Environment environment("HOME", home.path().string());
  CHECK(draw(diagonal).rgb == before.rgb);
}

TEST_CASE("without gnuplot there is one line that says so, and no file") {
  const TemporaryFolder empty, folder;
  const Environment environment("PATH", empty.path().string());
  const char* message =
      "cannot start gnuplot: No such file or directory (install gnuplot, Debian package gnuplot-nox)";
  CHECK_THROWS_WITH_AS(support::require_gnuplot(), message, cnf::Error);
  CHECK_THROWS_WITH_AS(write_plot(folder / "plot.png", diagonal), message, cnf::Error);
  CHECK(folder.entries() == 0);
}

TEST_CASE("a gnuplot that fails leaves the older file as it was, and is quoted in one line") {
  const TemporaryFolder programs, folder;
  std::ofstream(folder / "plot.png") << "older";
  const auto path = folder / "plot.png";
  Plot large = diagonal;
  for (int i = 0; i < 100'000; ++i) large.series[0].points.push_back({0.5, 0.5});  // more than a pipe holds
  {
    const Environment environment("PATH", programs.path().string());
    fake_gnuplot(programs, "echo 'gnuplot> plot' >&2; echo '     line 0: out of ink' >&2; exit 1");
    CHECK_THROWS_WITH_AS(write_plot(path, large), "gnuplot failed: line 0: out of ink", cnf::Error);
    CHECK_THROWS_AS(support::require_gnuplot(), cnf::Error);
    fake_gnuplot(programs, "kill -9 $$");
    CHECK_THROWS_WITH_AS(write_plot(path, large), "gnuplot failed: it gives no reason", cnf::Error);
    fake_gnuplot(programs, "printf '\\211PNG half a picture'");
    const std::string half = "cannot write " + path.string() + ": gnuplot did not write a whole PNG picture";
    CHECK_THROWS_WITH_AS(write_plot(path, large), half.c_str(), cnf::Error);
  }
  {
    const FileSizeLimit full(6000);
    CHECK_THROWS_AS(write_plot(path, diagonal), cnf::Error);
  }
  std::string content;
  std::getline(std::ifstream(path), content);
  CHECK(content == "older");
  CHECK(folder.entries() == 1);
  write_plot(path, diagonal);
  CHECK(support::read_image(path).width == 800);
  CHECK(folder.entries() == 1);
}

TEST_CASE("a plot that cannot be drawn or written says why") {
  const TemporaryFolder folder;
  const auto path = folder / "plot.png";
  CHECK_THROWS_WITH_AS(write_plot(path, {}), "write_plot: expected at least one series, got none",
                       cnf::Error);
  CHECK_THROWS_WITH_AS(write_plot(path, {.series = {{"flow", Style::line, {}}}}),
                       "write_plot: expected at least one point in series 'flow', got none", cnf::Error);
  CHECK_THROWS_WITH_AS(write_plot(path, {.series = {{"flow", Style::line, {{0.5, std::nan("")}}}}}),
                       "write_plot: expected finite points in series 'flow', got (0.5, nan)", cnf::Error);
  CHECK_THROWS_WITH_AS(
      write_plot(path, {.x_range = Range{1, 0}, .series = {{"flow", Style::line, {{0.5, 0.5}}}}}),
      "write_plot: expected a range with finite low < high, got 1 and 0", cnf::Error);
  CHECK(folder.entries() == 0);
  const std::string missing =
      "cannot write " + (folder / "missing/plot.png").string() + ": No such file or directory";
  CHECK_THROWS_WITH_AS(write_plot(folder / "missing/plot.png", diagonal), missing.c_str(), cnf::Error);
  CHECK(folder.entries() == 0);
}

TEST_CASE("a single point without ranges is drawn") {
  CHECK(find(draw({.series = {{"", Style::points, {{3, -4}}}}}), first_series).count > 20);
}
