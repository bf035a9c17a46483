#include "pnm.hpp"

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <fstream>
#include <iterator>
#include <system_error>

#include "cnf/core/error.hpp"
#include "cnf/io/atomic_file.hpp"

namespace deploy {
namespace {

/// The next number of a header, after space and comments; -1 where there is none.
int number(std::istream& in) {
  for (int c = in.peek(); c == '#' || c == ' ' || c == '\t' || c == '\n' || c == '\r'; c = in.peek())
    if (in.get() == '#')
      for (int skipped = in.get(); skipped != '\n' && skipped != EOF;) skipped = in.get();
  int value = -1;
  return in >> value ? value : -1;
}

}  // namespace

support::Levels read_pnm_levels(const std::filesystem::path& path) {
  const auto fail = [&](const std::string& why) {
    throw cnf::Error("cannot read " + path.string() + ": " + why);
  };
  errno = 0;
  std::ifstream in(path, std::ios::binary);
  char magic[2] = {0, 0};
  if (!in.read(magic, 2) && errno != 0) fail(std::generic_category().message(errno));
  if (magic[0] != 'P' || (magic[1] != '5' && magic[1] != '6'))
    fail("expected a binary PGM or PPM image (P5 or P6)");
  const int width = number(in), height = number(in), largest = number(in);
  if (width < 1 || height < 1 || largest < 1 || largest > 65535)
    fail("expected a width, a height and a largest value of 1 .. 65535, got " + std::to_string(width) + ", " +
         std::to_string(height) + " and " + std::to_string(largest));
  in.get();  // the one space before the pixels
  const std::size_t area = std::size_t(height) * std::size_t(width), channels = magic[1] == '5' ? 1 : 3,
                    wide = largest > 255 ? 2 : 1;  // bytes of a number, the high one first
  const std::vector<char> bytes{std::istreambuf_iterator<char>(in), {}};
  if (bytes.size() < area * channels * wide)
    fail("expected " + std::to_string(area * channels * wide) + " bytes of pixels, got " +
         std::to_string(bytes.size()));
  support::Levels levels{height, width, std::vector<float>(3 * area), {}};
  for (std::size_t i = 0; i < levels.rgb.size(); ++i) {
    const auto* first =
        reinterpret_cast<const unsigned char*>(bytes.data()) + (channels == 3 ? i : i / 3) * wide;
    const int value = wide == 2 ? 256 * first[0] + first[1] : first[0];
    if (value > largest)
      fail("expected values of at most " + std::to_string(largest) + ", got " + std::to_string(value));
    levels.rgb[i] = float(value) / float(largest);
  }
  return levels;
}

support::Image read_pnm(const std::filesystem::path& path) {
  const auto levels = read_pnm_levels(path);
  support::Image image{levels.height, levels.width, std::vector<std::uint8_t>(levels.rgb.size())};
  std::transform(levels.rgb.begin(), levels.rgb.end(), image.rgb.begin(),
                 [](float v) { return static_cast<std::uint8_t>(std::lround(255 * v)); });
  return image;
}

void write_pnm(const std::filesystem::path& path, const std::vector<std::uint8_t>& bytes, int channels,
               int height, int width) {
  cnf::io::AtomicFile file(path);
  file.write((channels == 1 ? "P5\n" : "P6\n") + std::to_string(width) + " " + std::to_string(height) +
             "\n255\n");
  file.write(std::string_view(reinterpret_cast<const char*>(bytes.data()), bytes.size()));
  file.commit();
}

}  // namespace deploy
