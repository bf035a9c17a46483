// Bytes of image files that the image library does not write: GIF with a palette of one's own, and TIFF with
// LZW compression but without a predictor. Neither compresses: the dictionary is cleared before it is used.
#pragma once

#include <OpenImageIO/imageio.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <filesystem>
#include <string_view>
#include <vector>

#include "support/doctest.hpp"

namespace image_files_detail {

using Bytes = std::vector<std::uint8_t>;

inline void append(Bytes& bytes, std::string_view text) {
  bytes.insert(bytes.end(), text.begin(), text.end());
}

inline void append(Bytes& bytes, std::uint32_t value, int count) {  // little end first
  for (int i = 0; i < count; ++i) bytes.push_back(static_cast<std::uint8_t>(value >> (8 * i)));
}

}  // namespace image_files_detail

/// `indices` into a palette of at most 128 colours; `transparent` is one of them, or -1.
inline std::vector<std::uint8_t> gif_bytes(int height, int width,
                                           const std::vector<std::array<std::uint8_t, 3>>& palette,
                                           const std::vector<std::uint8_t>& indices, int transparent = -1) {
  using namespace image_files_detail;
  const auto h = static_cast<std::uint32_t>(height), w = static_cast<std::uint32_t>(width);
  constexpr std::uint8_t clear = 128, end = 129;  // all codes have 8 bits as long as the dictionary is small
  Bytes file;
  append(file, "GIF89a");
  append(file, w, 2);
  append(file, h, 2);
  append(file, 0xF6, 3);  // a palette of 128; background 0, square pixels
  for (std::size_t i = 0; i < 128; ++i) {
    const auto colour = i < palette.size() ? palette[i] : std::array<std::uint8_t, 3>{};
    file.insert(file.end(), colour.begin(), colour.end());
  }
  if (transparent >= 0) {
    append(file, 0x0104F921, 4);
    append(file, static_cast<std::uint32_t>(transparent) << 16, 4);
  }
  append(file, 0x2C, 1);
  append(file, 0, 4);  // the picture's place
  append(file, w, 2);
  append(file, h, 2);
  append(file, 7 << 8, 2);  // no palette of its own; 7 bits an index
  Bytes codes;
  for (std::size_t i = 0; i < indices.size(); ++i) {
    if (i % 100 == 0) codes.push_back(clear);
    codes.push_back(indices[i]);
  }
  codes.push_back(end);
  for (std::size_t i = 0; i < codes.size(); i += 255) {
    const auto count = std::min<std::size_t>(255, codes.size() - i);
    file.push_back(static_cast<std::uint8_t>(count));
    file.insert(file.end(), codes.data() + i, codes.data() + i + count);
  }
  append(file, 0x3B00, 2);
  return file;
}

/// 8-bit numbers in one strip, three a pixel; `kind` is the PhotometricInterpretation: 2 for RGB, 8 for L*a*b*.
inline std::vector<std::uint8_t> lzw_tiff_bytes(int height, int width, const std::vector<std::uint8_t>& rgb,
                                                std::uint32_t kind = 2) {
  using namespace image_files_detail;
  constexpr std::uint32_t clear = 256, end = 257;  // all codes have 9 bits as long as the dictionary is small
  Bytes strip;
  std::uint32_t waiting = 0;
  int bits = 0;
  const auto put = [&](std::uint32_t code) {  // big end first
    waiting = waiting << 9 | code;
    for (bits += 9; bits >= 8; bits -= 8) strip.push_back(static_cast<std::uint8_t>(waiting >> (bits - 8)));
    waiting &= (1U << bits) - 1;
  };
  for (std::size_t i = 0; i < rgb.size(); ++i) {
    if (i % 200 == 0) put(clear);
    put(rgb[i]);
  }
  put(end);
  if (bits > 0) strip.push_back(static_cast<std::uint8_t>(waiting << (8 - bits)));

  struct Entry {
    std::uint32_t tag, type, count, value;
  };
  constexpr std::uint32_t short_type = 3, long_type = 4, entries = 9, depths_at = 8 + 2 + entries * 12 + 4,
                          strip_at = depths_at + 6;
  Bytes file;
  append(file, "II*");
  append(file, 0, 1);
  append(file, 8, 4);
  append(file, entries, 2);
  for (const Entry& e :
       {Entry{256, long_type, 1, static_cast<std::uint32_t>(width)},
        Entry{257, long_type, 1, static_cast<std::uint32_t>(height)},
        Entry{258, short_type, 3, depths_at},  // bits per sample
        Entry{259, short_type, 1, 5},          // LZW
        Entry{262, short_type, 1, kind}, Entry{273, long_type, 1, strip_at}, Entry{277, short_type, 1, 3},
        Entry{278, long_type, 1, static_cast<std::uint32_t>(height)},
        Entry{279, long_type, 1, static_cast<std::uint32_t>(strip.size())}}) {
    append(file, e.tag, 2);
    append(file, e.type, 2);
    append(file, e.count, 4);
    append(file, e.value, 4);
  }
  append(file, 0, 4);  // no other picture
  for (int i = 0; i < 3; ++i) append(file, 8, 2);
  file.insert(file.end(), strip.begin(), strip.end());
  return file;
}

/// A file of any channel count and depth, written by the image library itself.
template <class Value>
std::filesystem::path make_file(const std::filesystem::path& path, int height, int width, int channels,
                                const std::vector<Value>& values, int orientation = 1,
                                bool associated_alpha = false,
                                const std::vector<std::uint8_t>& profile = {}) {
  OIIO::ImageSpec spec(width, height, channels, OIIO::BaseTypeFromC<Value>::value);
  if (channels == 2 || channels == 4) spec.alpha_channel = channels - 1;
  if (!associated_alpha) spec.attribute("oiio:UnassociatedAlpha", 1);
  if (orientation != 1) spec.attribute("Orientation", orientation);
  if (!profile.empty())
    spec.attribute("ICCProfile", OIIO::TypeDesc(OIIO::TypeDesc::UINT8, int(profile.size())), profile.data());
  const auto out = OIIO::ImageOutput::create(path.string());
  REQUIRE(out);
  REQUIRE(out->open(path.string(), spec));
  REQUIRE(out->write_image(OIIO::BaseTypeFromC<Value>::value, values.data()));
  REQUIRE(out->close());
  (void)out->geterror();
  return path;
}
