#include "support/image.hpp"

#include <OpenImageIO/filesystem.h>
#include <OpenImageIO/imageio.h>
#include <lcms2.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <cerrno>
#include <cmath>
#include <cstddef>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <iterator>
#include <limits>
#include <memory>
#include <new>
#include <span>
#include <stdexcept>
#include <string>

#include "cnf/core/error.hpp"
#include "cnf/io/atomic_file.hpp"

namespace support {

namespace fs = std::filesystem;

namespace {

// More than any camera's picture; a file that claims more is damaged or hostile.
constexpr double largest_pixel_count = 1 << 28;

std::string one_line(std::string text) {
  std::replace_if(
      text.begin(), text.end(), [](char c) { return c == '\n' || c == '\r'; }, ' ');
  while (!text.empty() && (text.back() == ' ' || text.back() == '.')) text.pop_back();
  return text.empty() ? "the image library gives no reason" : text;
}

[[noreturn]] void fail(const char* action, const fs::path& path, const std::string& reason) {
  throw cnf::Error("cannot " + std::string(action) + " " + path.string() + ": " + one_line(reason));
}

std::string lower_case_extension(const fs::path& path) {
  std::string extension = path.extension().string();
  std::transform(extension.begin(), extension.end(), extension.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return extension;
}

using Bytes = std::vector<unsigned char>;

std::size_t big_endian(const Bytes& bytes, std::size_t at, std::size_t count) {
  std::size_t value = 0;
  for (std::size_t i = at; i < at + count; ++i) value = value * 256 + bytes[i];
  return value;
}

// The checksum of a PNG chunk (ISO 3309).
std::size_t crc32(const unsigned char* data, std::size_t count) {
  std::uint32_t crc = 0xFFFFFFFF;
  for (std::size_t i = 0; i < count; ++i) {
    crc ^= data[i];
    for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1) ^ (0xEDB88320U & (0U - (crc & 1U)));
  }
  return ~crc & 0xFFFFFFFF;
}

// Walks a PNG file's chunks to its last one. Returns an empty text, or what is wrong.
std::string png_damage(const Bytes& bytes) {
  for (std::size_t i = 8; i + 12 <= bytes.size();) {
    const std::size_t length = big_endian(bytes, i, 4);
    if (length > bytes.size() - i - 12) break;
    if (crc32(&bytes[i + 4], 4 + length) != big_endian(bytes, i + 8 + length, 4))
      return "the file is damaged";
    if (std::memcmp(&bytes[i + 4], "IEND", 4) == 0) return {};
    i += 12 + length;
  }
  return "the file is truncated";
}

// Walks a JPEG file's segments to the end-of-image marker. A plain search for its two bytes would
// be content with the marker of an embedded thumbnail.
bool reaches_jpeg_end(const Bytes& bytes) {
  std::size_t i = 2;
  while (i + 1 < bytes.size()) {
    const unsigned char marker = bytes[i + 1];
    if (bytes[i] != 0xFF || marker == 0x00 || marker == 0xFF) {
      ++i;  // compressed data or fill bytes
    } else if (marker == 0xD9) {
      return true;
    } else if ((marker >= 0xD0 && marker <= 0xD7) || marker == 0x01) {
      i += 2;  // restart markers have no length
    } else if (i + 3 < bytes.size()) {
      i += 2 + big_endian(bytes, i + 2, 2);
    } else {
      return false;
    }
  }
  return false;
}

// Asked before decoding: a JPEG decoder would fill the missing part with grey, and libpng would write its own
// line to stderr. The other formats' decoders report damage by themselves.
std::string find_damage(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) return std::strerror(errno);
  const Bytes bytes((std::istreambuf_iterator<char>(file)), {});
  if (bytes.empty()) return "the file is empty";
  if (bytes.size() >= 8 && std::memcmp(bytes.data(), "\x89PNG\r\n\x1A\n", 8) == 0) return png_damage(bytes);
  if (bytes.size() >= 2 && bytes[0] == 0xFF && bytes[1] == 0xD8 && !reaches_jpeg_end(bytes)) {
    return "the file is truncated";
  }
  return {};
}

// A stored pixel's place in the upright picture (EXIF tag 0x0112).
struct Orientation {
  int code;
  int height;
  int width;  // as stored

  bool swaps_axes() const { return code >= 5; }
  int upright_height() const { return swaps_axes() ? width : height; }
  int upright_width() const { return swaps_axes() ? height : width; }
  int upright_row(int row, int column) const {
    const int r = swaps_axes() ? column : row;
    const int last = swaps_axes() ? width - 1 : height - 1;
    return code == 3 || code == 4 || code == 7 || code == 8 ? last - r : r;
  }
  int upright_column(int row, int column) const {
    const int c = swaps_axes() ? row : column;
    const int last = swaps_axes() ? height - 1 : width - 1;
    return code == 2 || code == 3 || code == 6 || code == 7 ? last - c : c;
  }
};

Orientation orientation_of(const OIIO::ImageSpec& spec) {
  const int code = spec.get_int_attribute("Orientation", 1);
  return {code >= 1 && code <= 8 ? code : 1, spec.height, spec.width};
}

std::uint8_t to_byte(float value) {
  if (!(value > 0.0F)) return 0;  // also NaN
  return static_cast<std::uint8_t>(std::lround(std::min(value, 1.0F) * 255.0F));
}

struct Alpha {
  int channel;      // -1: opaque
  bool associated;  // colours are already multiplied by alpha
};

Alpha find_alpha(const OIIO::ImageSpec& spec, const float* pixels, std::size_t count, bool is_bmp) {
  // OpenImageIO 2.4 calls the last of a GIF's four channels number 4.
  const Alpha alpha{std::min(spec.alpha_channel, spec.nchannels - 1),
                    spec.get_int_attribute("oiio:UnassociatedAlpha") == 0};
  if (alpha.channel < 0 || !is_bmp) return alpha;
  // 32-bit BMP files usually leave the fourth byte unused: all zero means opaque, not invisible.
  const auto channels = static_cast<std::size_t>(spec.nchannels);
  const auto offset = static_cast<std::size_t>(alpha.channel);
  for (std::size_t i = 0; i < count; ++i) {
    if (pixels[i * channels + offset] != 0.0F) return alpha;
  }
  return {-1, false};
}

using Profile = std::unique_ptr<void, decltype(&cmsCloseProfile)>;

std::string name_of(const Profile& profile) {
  std::array<char, 128> text{};
  cmsGetProfileInfoASCII(profile.get(), cmsInfoDescription, "en", "US", text.data(), text.size());
  return text.data();
}

/// The colours of a profile that is not sRGB's, turned into sRGB's. Returns its name; empty where nothing was done. `unused`: the
/// name of one for other colours than the image library gives, as that of a CMYK photograph, which it turns into RGB itself.
std::string to_srgb(const OIIO::ImageSpec& spec, bool grey, Image& image, std::string& unused) {
  const auto* attribute = spec.find_attribute("ICCProfile");
  if (attribute == nullptr || attribute->type().basesize() != 1) return {};
  const Profile given(cmsOpenProfileFromMem(attribute->data(), cmsUInt32Number(attribute->type().size())),
                      &cmsCloseProfile);
  if (!given) return {};
  auto name = name_of(given);
  if (cmsGetColorSpace(given.get()) != (grey ? cmsSigGrayData : cmsSigRgbData)) {
    unused = name.empty() ? "unnamed" : name;
    return {};
  }
  if (name.starts_with("sRGB built-in") || name.starts_with("sRGB IEC61966-2")) return {};
  const Profile srgb(cmsCreate_sRGBProfile(), &cmsCloseProfile);
  const std::unique_ptr<void, decltype(&cmsDeleteTransform)> transform(
      cmsCreateTransform(given.get(), grey ? TYPE_GRAY_8 : TYPE_RGB_8, srgb.get(), TYPE_RGB_8,
                         INTENT_RELATIVE_COLORIMETRIC, cmsFLAGS_BLACKPOINTCOMPENSATION),
      &cmsDeleteTransform);
  if (!transform) return {};
  Bytes line(3 * static_cast<std::size_t>(image.width));
  for (std::size_t first = 0; first < image.rgb.size(); first += line.size()) {
    std::uint8_t* row = &image.rgb[first];
    for (std::size_t i = 0; i < line.size(); ++i) line[i] = row[grey ? std::min(3 * i, line.size() - 1) : i];
    cmsDoTransform(transform.get(), line.data(), row, cmsUInt32Number(image.width));
  }
  return name.empty() ? "unnamed" : name;
}

/// What is wrong with numbers that should be those of a picture; empty for nothing.
std::string doubts_about(const OIIO::ImageSpec& spec, const float* pixels) {
  if (const int kind = spec.get_int_attribute("tiff:PhotometricInterpretation"); kind >= 8 && kind <= 10)
    return "its colours are L*a*b*; expected RGB, grey or a palette";
  const bool is_real = spec.format.is_floating_point(), is_wide = spec.format == OIIO::TypeDesc::UINT16;
  if (!is_real && !is_wide) return {};
  const auto count = static_cast<std::size_t>(spec.image_pixels()) * static_cast<std::size_t>(spec.nchannels);
  float low = pixels[0], high = pixels[0];
  for (std::size_t i = 0; i < count; ++i) {
    if (spec.alpha_channel >= 0 && int(i % std::size_t(spec.nchannels)) == spec.alpha_channel) continue;
    if (std::isnan(pixels[i])) return "it has values that are not numbers";
    low = std::min(low, pixels[i]);
    high = std::max(high, pixels[i]);
  }
  const auto range = [&](double scale) {
    std::array<char, 64> text{};
    std::snprintf(text.data(), text.size(), "%g .. %g", scale * low, scale * high);
    return std::string(text.data());
  };
  if (is_real && (low < -1e-3F || high > 1.001F)) return "expected values of 0 .. 1, got " + range(1);
  // nothing in the file says that white is less than 65535
  if (is_wide && high > 0 && high < 4096.0F / 65535)
    return "expected 16-bit values with white at 65535, got " + range(65535) + " (fewer bits in 16?)";
  return {};
}

/// visit(place in the upright picture, numbers of the pixel).
template <class Visit>
void for_each_upright(const OIIO::ImageSpec& spec, const float* pixels, const Visit& visit) {
  const auto orientation = orientation_of(spec);
  for (int row = 0; row < spec.height; ++row)
    for (int column = 0; column < spec.width; ++column, pixels += spec.nchannels)
      visit(static_cast<std::size_t>(orientation.upright_row(row, column)) *
                    static_cast<std::size_t>(orientation.upright_width()) +
                static_cast<std::size_t>(orientation.upright_column(row, column)),
            pixels);
}

Levels to_levels(const OIIO::ImageSpec& spec, const float* pixels, bool is_bmp) {
  const auto orientation = orientation_of(spec);
  const auto count = static_cast<std::size_t>(spec.height) * static_cast<std::size_t>(spec.width);
  const Alpha alpha = find_alpha(spec, pixels, count, is_bmp);
  const bool has_colours = spec.nchannels - (alpha.channel >= 0 ? 1 : 0) >= 3;
  Levels levels{orientation.upright_height(), orientation.upright_width(), std::vector<float>(3 * count),
                std::vector<float>(alpha.channel >= 0 ? count : 0)};
  for_each_upright(spec, pixels, [&](std::size_t place, const float* pixel) {
    for (std::size_t c = 0; c < 3; ++c) levels.rgb[3 * place + c] = pixel[has_colours ? c : 0];
    if (alpha.channel >= 0) levels.alpha[place] = pixel[alpha.channel];
  });
  return levels;
}

// On white, or, with `keep_alpha`, in its own colours beside the alpha.
Picture to_upright(const OIIO::ImageSpec& spec, const float* pixels, bool is_bmp, bool keep_alpha) {
  const auto orientation = orientation_of(spec);
  const auto count = static_cast<std::size_t>(spec.height) * static_cast<std::size_t>(spec.width);
  Image image{orientation.upright_height(), orientation.upright_width(),
              std::vector<std::uint8_t>(3 * count)};
  const Alpha alpha = find_alpha(spec, pixels, count, is_bmp);
  const int colours = spec.nchannels - (alpha.channel >= 0 ? 1 : 0);
  Picture picture{.image = {},
                  .alpha = Bytes(keep_alpha && alpha.channel >= 0 ? count : 0),
                  .grey = colours < 3,
                  .bits = int(8 * spec.format.size())};
  for_each_upright(spec, pixels, [&](std::size_t place, const float* pixel) {
    const float opacity = alpha.channel >= 0 ? std::clamp(pixel[alpha.channel], 0.0F, 1.0F) : 1.0F;
    for (int c = 0; c < 3; ++c) {
      const float colour = pixel[colours >= 3 ? c : 0];
      auto& shown = image.rgb[3 * place + static_cast<std::size_t>(c)];
      if (!picture.alpha.empty())
        shown = to_byte(alpha.associated && opacity > 0.0F ? colour / opacity : colour);
      else if (alpha.channel >= 0)
        shown = to_byte((alpha.associated ? colour : colour * opacity) + (1.0F - opacity));
      else
        shown = to_byte(colour);
    }
    if (!picture.alpha.empty()) picture.alpha[place] = to_byte(opacity);
  });
  const auto is_opaque = [](std::uint8_t a) { return a == 255; };
  if (std::all_of(picture.alpha.begin(), picture.alpha.end(), is_opaque)) picture.alpha.clear();
  picture.profile = to_srgb(spec, colours < 3, image, picture.unused_profile);
  picture.image = std::move(image);
  return picture;
}

std::unique_ptr<OIIO::ImageOutput> writer_for(const fs::path& path) {
  auto out = OIIO::ImageOutput::create("image" + lower_case_extension(path));
  // OpenImageIO 2.4 writes GIF files in wrong colours.
  if (!out || !out->supports("ioproxy") || std::strcmp(out->format_name(), "gif") == 0) {
    (void)OIIO::geterror();
    fail("write", path,
         "unknown image format '" + path.extension().string() +
             "' (use .png, .jpg, .bmp, .tif, .ppm, .pgm or .webp)");
  }
  return out;
}

bool is_bmp(const OIIO::ImageOutput& out) { return std::strcmp(out.format_name(), "bmp") == 0; }
bool keeps_alpha(const OIIO::ImageOutput& out) { return out.supports("alpha") && !is_bmp(out); }

std::uint8_t luma(const std::uint8_t* rgb) {
  return static_cast<std::uint8_t>(std::lround(0.299 * rgb[0] + 0.587 * rgb[1] + 0.114 * rgb[2]));
}

Bytes encode(const fs::path& path, const Picture& picture) {
  const Image& image = picture.image;
  const auto out = writer_for(path);
  const bool grey = picture.grey && !is_bmp(*out), has_alpha = !picture.alpha.empty(),
             with_alpha = has_alpha && keeps_alpha(*out);
  const int channels = (grey ? 1 : 3) + (with_alpha ? 1 : 0);
  Bytes bytes;
  OIIO::Filesystem::IOVecOutput memory(bytes);
  OIIO::ImageSpec spec(image.width, image.height, channels, OIIO::TypeDesc::UINT8);
  if (with_alpha) {
    spec.alpha_channel = channels - 1;
    spec.channelnames.back() = "A";
    spec.attribute("oiio:UnassociatedAlpha", 1);
  }
  out->set_ioproxy(&memory);
  // row by row: the file's channels are never in memory beside the image's
  bool written = out->open(path.string(), spec);
  Bytes line(static_cast<std::size_t>(image.width) * static_cast<std::size_t>(channels));
  for (int y = 0; written && y < image.height; ++y) {
    unsigned char* to = line.data();
    for (int x = 0; x < image.width; ++x) {
      const auto pixel =
          static_cast<std::size_t>(y) * static_cast<std::size_t>(image.width) + static_cast<std::size_t>(x);
      const std::uint8_t* rgb = &image.rgb[3 * pixel];
      std::uint8_t shown[3] = {rgb[0], rgb[1], rgb[2]};
      if (has_alpha && !with_alpha)
        for (auto& v : shown)
          v = to_byte(
              (float(v) * float(picture.alpha[pixel]) / 255.0F + 255.0F - float(picture.alpha[pixel])) /
              255.0F);
      if (grey)
        *to++ = luma(shown);
      else
        to = std::copy(shown, shown + 3, to);
      if (with_alpha) *to++ = picture.alpha[pixel];
    }
    written = out->write_scanline(y, 0, OIIO::TypeDesc::UINT8, line.data());
  }
  written = written && out->close();
  const std::string error = out->geterror();
  if (!written) fail("write", path, error);
  return bytes;
}

/// use(spec, numbers of all pixels and channels, whether it is a BMP file).
template <class Use>
auto decoded(const fs::path& path, const Use& use) {
  std::error_code ignored;
  if (!fs::exists(path, ignored)) fail("read", path, "no such file");
  if (fs::is_directory(path, ignored)) fail("read", path, "it is a folder");
  if (const std::string damage = find_damage(path); !damage.empty()) fail("read", path, damage);
  try {
    OIIO::ImageSpec wanted;
    wanted.attribute("oiio:UnassociatedAlpha", 1);
    const auto in = OIIO::ImageInput::open(path.string(), &wanted);
    if (!in) fail("read", path, OIIO::geterror());
    const OIIO::ImageSpec spec = in->spec();
    const double pixels = static_cast<double>(spec.width) * spec.height;
    if (spec.width < 1 || spec.height < 1 || spec.depth > 1 || spec.nchannels < 1 || spec.nchannels > 16 ||
        pixels > largest_pixel_count) {
      fail("read", path,
           "expected a flat image with 1 to 16 channels and at most 2^28 pixels, got " +
               std::to_string(spec.height) + "x" + std::to_string(spec.width) + "x" +
               std::to_string(spec.depth) + " with " + std::to_string(spec.nchannels) + " channels");
    }
    // Left uninitialised: a truncated file that claims to be huge then fails before its memory is ever
    // touched.
    const auto values =
        static_cast<std::size_t>(spec.image_pixels()) * static_cast<std::size_t>(spec.nchannels);
    const std::unique_ptr<float[]> data(new float[values]);
    const bool complete =
        in->read_image(0, 0, 0, spec.nchannels, OIIO::TypeDesc::FLOAT, data.get()) && !in->has_error();
    if (!complete) fail("read", path, in->geterror());
    return use(spec, data.get(), std::strcmp(in->format_name(), "bmp") == 0);
  } catch (const std::length_error&) {  // from the GIF reader
    fail("read", path, "the image is too large");
  }
}

Picture read(const fs::path& path, bool keep_alpha) {
  return decoded(path, [&](const OIIO::ImageSpec& spec, const float* pixels, bool is_bmp) {
    if (const auto doubts = doubts_about(spec, pixels); !doubts.empty()) fail("read", path, doubts);
    return to_upright(spec, pixels, is_bmp, keep_alpha);
  });
}

}  // namespace

Image read_image(const fs::path& path) { return read(path, false).image; }
Picture read_picture(const fs::path& path) { return read(path, true); }
Levels read_levels(const fs::path& path) { return decoded(path, to_levels); }

bool holds_alpha(const fs::path& path) { return keeps_alpha(*writer_for(path)); }

void write_image(const fs::path& path, Image image) {
  write_picture(path, {.image = std::move(image), .alpha = {}});
}

void write_picture(const fs::path& path, const Picture& picture) {
  const Image& image = picture.image;
  if (image.height < 1 || image.width < 1 ||
      image.rgb.size() !=
          3 * static_cast<std::size_t>(image.height) * static_cast<std::size_t>(image.width)) {
    fail("write", path,
         "expected height x width x 3 bytes, got " + std::to_string(image.height) + "x" +
             std::to_string(image.width) + " with " + std::to_string(image.rgb.size()) + " bytes");
  }
  // Encoded in memory first, so that every byte that reaches the disk is written, and checked, here.
  const Bytes bytes = encode(path, picture);
  cnf::io::write_file(path, std::as_bytes(std::span(bytes)));
}

void expect_image_writable(const fs::path& path) {
  (void)writer_for(path);
  cnf::io::expect_writable(path);
}

Image cropped(const Image& image, int top, int left, int height, int width) {
  Image crop{height, width, {}};
  crop.rgb.reserve(std::size_t(height) * std::size_t(width) * 3);
  for (int y = top; y < top + height; ++y) {
    const auto row = image.rgb.begin() + (std::ptrdiff_t(y) * image.width + left) * 3;
    crop.rgb.insert(crop.rgb.end(), row, row + std::ptrdiff_t(width) * 3);
  }
  return crop;
}

std::vector<fs::path> find_images(const fs::path& folder, std::vector<fs::path>* others) {
  std::error_code code;
  if (!fs::exists(folder, code)) throw cnf::Error("no such folder: " + folder.string());
  if (!fs::is_directory(folder, code)) throw cnf::Error("not a folder: " + folder.string());
  const std::vector<std::string> known = {".png",  ".jpg", ".jpeg", ".bmp", ".tif",
                                          ".tiff", ".gif", ".ppm",  ".pgm", ".webp"};
  std::vector<fs::path> found;
  try {
    for (auto entry = fs::recursive_directory_iterator(folder); entry != fs::recursive_directory_iterator();
         ++entry) {
      const bool hidden = entry->path().filename().string().starts_with('.');
      if (hidden && entry->is_directory()) entry.disable_recursion_pending();
      const bool wanted =
          std::find(known.begin(), known.end(), lower_case_extension(entry->path())) != known.end();
      if (hidden || !entry->is_regular_file()) continue;
      if (wanted)
        found.push_back(entry->path());
      else if (others != nullptr)
        others->push_back(entry->path());
    }
  } catch (const fs::filesystem_error& error) {
    throw cnf::Error("cannot read folder " + folder.string() + ": " + error.code().message() + " (" +
                     error.path1().string() + ")");
  }
  if (found.empty())
    throw cnf::Error("no PNG, JPEG, BMP, TIFF, GIF, PPM, PGM or WebP images in folder " + folder.string());
  std::sort(found.begin(), found.end());
  return found;
}

std::string left_out_text(const fs::path& folder, const std::vector<fs::path>& others) {
  constexpr std::size_t most = 5;
  std::string text = "left out of " + folder.string() + ", as no images: ";
  for (std::size_t i = 0; i < std::min(most, others.size()); ++i)
    text += (i > 0 ? ", " : "") + others[i].lexically_proximate(folder).string();
  return text + (others.size() > most ? " and " + std::to_string(others.size() - most) + " more" : "");
}

}  // namespace support
