#include "support/plot.hpp"

#include <fmt/format.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <cerrno>
#include <cmath>
#include <cstddef>
#include <cstdio>
#include <memory>
#include <string_view>
#include <system_error>

#include "cnf/core/error.hpp"
#include "cnf/io/atomic_file.hpp"

namespace support {

namespace {

// Okabe and Ito's colours, told apart with any kind of colour vision; their yellow is too light for lines.
constexpr std::array<const char*, 7> colours = {"#0072B2", "#D55E00", "#009E73", "#CC79A7",
                                                "#E69F00", "#56B4E9", "#000000"};
constexpr std::array<int, 5> markers = {7, 5, 9, 11, 13};  // gnuplot's filled ones

// A file without a name. gnuplot's input and output are such files, not pipes: it may stop reading or fill
// its output at any time without blocking or ending this program.
class Scratch {
 public:
  Scratch() : file_(std::tmpfile(), &std::fclose) {
    if (!file_) fail();
  }

  int descriptor() const { return ::fileno(file_.get()); }

  void write(std::string_view text) {
    if (std::fwrite(text.data(), 1, text.size(), file_.get()) != text.size() || std::fflush(file_.get()) != 0)
      fail();
    std::rewind(file_.get());
  }

  std::string read() {
    std::string text;
    std::array<char, 1 << 14> buffer{};
    std::rewind(file_.get());
    while (const std::size_t count = std::fread(buffer.data(), 1, buffer.size(), file_.get()))
      text.append(buffer.data(), count);
    return text;
  }

 private:
  [[noreturn]] static void fail() {
    throw cnf::Error("cannot write a temporary file: " + std::generic_category().message(errno));
  }

  std::unique_ptr<std::FILE, int (*)(std::FILE*)> file_;
};

// Where gnuplot says what is wrong, after a copy of the command.
std::string last_line(const std::string& text) {
  const auto last = text.find_last_not_of(" \r\n");
  if (last == std::string::npos) return "it gives no reason";
  const auto line = text.find_last_of("\r\n", last) + 1;
  const auto first = text.find_first_not_of(' ', line);
  return text.substr(first, last + 1 - first);
}

// Runs gnuplot on the commands and returns what it writes.
std::string run_gnuplot(const std::string& commands) {
  Scratch in, out, err;
  in.write(commands);
  // -d: the user's own settings must not change our pictures.
  std::string name = "gnuplot", no_settings = "-d";
  const std::array<char*, 3> arguments = {name.data(), no_settings.data(), nullptr};
  posix_spawn_file_actions_t files;
  ::posix_spawn_file_actions_init(&files);
  ::posix_spawn_file_actions_adddup2(&files, in.descriptor(), STDIN_FILENO);
  ::posix_spawn_file_actions_adddup2(&files, out.descriptor(), STDOUT_FILENO);
  ::posix_spawn_file_actions_adddup2(&files, err.descriptor(), STDERR_FILENO);
  pid_t child = -1;
  const int refused = ::posix_spawnp(&child, name.c_str(), &files, nullptr, arguments.data(), environ);
  ::posix_spawn_file_actions_destroy(&files);
  if (refused != 0)
    throw cnf::Error("cannot start gnuplot: " + std::generic_category().message(refused) +
                     " (install gnuplot, Debian package gnuplot-nox)");
  int status = -1;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  if (status != 0) throw cnf::Error("gnuplot failed: " + last_line(err.read()));
  return out.read();
}

// Every character that could mean something to gnuplot as its octal code: also '...' has special cases.
std::string quoted(const std::string& text) {
  std::string result = "\"";
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20)
      result += ' ';
    else if (byte >= 0x80 || std::isalnum(byte) != 0 || c == ' ')
      result += c;
    else
      result += fmt::format("\\{:03o}", byte);
  }
  return result + "\"";
}

void check(const Plot& plot) {
  if (plot.series.empty()) throw cnf::Error("write_plot: expected at least one series, got none");
  for (const Series& series : plot.series) {
    if (series.points.empty())
      throw cnf::Error("write_plot: expected at least one point in series '" + series.title + "', got none");
    for (const Point& point : series.points) {
      if (!std::isfinite(point.x) || !std::isfinite(point.y))
        throw cnf::Error(fmt::format("write_plot: expected finite points in series '{}', got ({}, {})",
                                     series.title, point.x, point.y));
    }
  }
  for (const auto& range : {plot.x_range, plot.y_range}) {
    if (range && !(std::isfinite(range->low) && std::isfinite(range->high) && range->low < range->high))
      throw cnf::Error(fmt::format("write_plot: expected a range with finite low < high, got {} and {}",
                                   range->low, range->high));
  }
}

std::string data_block(const std::string& name, const std::vector<Point>& points) {
  std::string text = name + " << END\n";
  for (const Point& point : points) text += fmt::format("{} {}\n", point.x, point.y);
  return text + "END\n";
}

// precision = F recall / (2 recall - F), from the recall at which precision is 1 to `last`
std::vector<Point> iso_f(double f, double last) {
  constexpr int steps = 200;
  const double first = f / (2.0 - f);
  std::vector<Point> points;
  for (int i = 0; i <= steps; ++i) {
    const double recall = first + (last - first) * i / steps;
    points.push_back({recall, f * recall / (2.0 * recall - f)});
  }
  return points;
}

std::string series_command(std::size_t number, const Series& series) {
  const auto look = [&]() -> std::string {
    const int marker = markers[number % markers.size()];
    switch (series.style) {
      case Style::line:
        return "lines lw 2.5";
      case Style::dashed:
        return "lines lw 2 dt (8, 6)";
      case Style::points:
        return fmt::format("points pt {} ps 1.6", marker);
      case Style::line_points:
        return fmt::format("linespoints lw 2.5 pt {} ps 1.2", marker);
    }
    return {};
  };
  return fmt::format("$series_{} using 1:2 with {} lc rgb '{}' {}", number, look(),
                     colours[number % colours.size()],
                     series.title.empty() ? "notitle" : "title " + quoted(series.title));
}

std::string script(const Plot& plot) {
  const auto untitled = [](const Series& series) { return series.title.empty(); };
  const auto legend_lines =
      static_cast<std::ptrdiff_t>(plot.series.size()) - std::ranges::count_if(plot.series, untitled);
  std::string text =
      "set terminal pngcairo noenhanced font 'DejaVu Sans,12' size 800,700\n"
      "set encoding utf8\n"
      "set border 3 lc rgb '#606060'\n"
      "set tics nomirror out tc rgb '#303030'\n"
      "set format '%g'\n"
      "set grid lt 1 lw 0.6 lc rgb '#E4E4E4'\n"
      "set key at graph 0, screen 0.02 left bottom Left reverse maxcols 1\n";
  // In lines of text: below, the axis and the legend; on the right, the last number or the names of iso-F
  // lines.
  text += fmt::format("set bmargin {}\nset rmargin {}\n", 4.5 + 1.25 * static_cast<double>(legend_lines),
                      plot.iso_f ? 9 : 5);
  text += fmt::format("set title {} font ',14'\n", quoted(plot.title));
  text += fmt::format("set xlabel {}\nset ylabel {}\n", quoted(plot.x_label), quoted(plot.y_label));
  const auto fallback = plot.iso_f ? std::optional(Range{}) : std::nullopt;
  const auto x = plot.x_range ? plot.x_range : fallback;
  const auto y = plot.y_range ? plot.y_range : fallback;
  if (x) text += fmt::format("set xrange [{}:{}]\n", x->low, x->high);
  if (y) text += fmt::format("set yrange [{}:{}]\n", y->low, y->high);

  std::string curves;
  for (int tenths = 2; plot.iso_f && tenths < 10; tenths += 2) {
    const double f = tenths / 10.0;
    if (f / (2.0 - f) >= x->high) continue;
    const std::vector<Point> line = iso_f(f, x->high);
    const std::string name = fmt::format("$iso_f_{}", tenths);
    text += data_block(name, line);
    curves += name + " using 1:2 with lines lw 1.2 dt (12, 8) lc rgb '#A8A8A8' notitle, ";
    if (line.back().y >= y->low && line.back().y <= y->high)
      text += fmt::format("set label 'F = 0.{}' at {}, {} offset 0.6,0 font ',10' tc rgb '#808080'\n", tenths,
                          line.back().x, line.back().y);
  }
  for (std::size_t i = 0; i < plot.series.size(); ++i) {
    text += data_block(fmt::format("$series_{}", i), plot.series[i].points);
    curves += (i == 0 ? "" : ", ") + series_command(i, plot.series[i]);
  }
  return text + "plot " + curves + "\n";
}

}  // namespace

void write_plot(const std::filesystem::path& path, const Plot& plot) {
  check(plot);
  const std::string png = run_gnuplot(script(plot));
  // gnuplot ends with status 0 also when it could not write all of the picture.
  constexpr std::string_view end("IEND\xAE\x42\x60\x82", 8);
  if (!std::string_view(png).ends_with(end))
    throw cnf::Error("cannot write " + path.string() + ": gnuplot did not write a whole PNG picture");
  cnf::io::write_file(path, png);
}

void require_gnuplot() { run_gnuplot(""); }

}  // namespace support
