#include "pnm.hpp"

#include <cerrno>
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

support::Image read_pnm(const std::filesystem::path& path) {
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
  if (width < 1 || height < 1 || largest != 255)
    fail("expected a width, a height and 255 as the largest value, got " + std::to_string(width) + ", " +
         std::to_string(height) + " and " + std::to_string(largest));
  in.get();  // the one space before the pixels
  const std::size_t area = std::size_t(height) * std::size_t(width), channels = magic[1] == '5' ? 1 : 3;
  std::vector<char> bytes{std::istreambuf_iterator<char>(in), {}};
  if (bytes.size() < area * channels)
    fail("expected " + std::to_string(area * channels) + " bytes of pixels, got " +
         std::to_string(bytes.size()));
  support::Image image{height, width, std::vector<std::uint8_t>(3 * area)};
  for (std::size_t i = 0; i < image.rgb.size(); ++i)
    image.rgb[i] = static_cast<std::uint8_t>(bytes[channels == 3 ? i : i / 3]);
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
