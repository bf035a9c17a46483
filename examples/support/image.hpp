// Image files for the example programs: PNG, JPEG, BMP and TIFF in and out, GIF in, as 8-bit RGB.
//
// read_picture reads what read_image does, and what an enlargement should keep: whether it is grey, its transparency and its
// colour profile.
//
// read_image turns every file into interleaved 8-bit RGB, rows from the top: grey is repeated into three
// channels, palettes are looked up, 16-bit and float values are rounded to the nearest 8-bit value,
// transparent pixels are shown on white, and the EXIF orientation is applied. Only the first picture of a
// file with several pages or frames is read.
// write_image takes the format from the extension. The file is written under a
// temporary name in the same folder and renamed when it is complete: a failure leaves neither a half-written
// file nor a damaged older one. Every failure is a cnf::Error of one line that names the file and the reason.
//
//     support::Image image = support::read_image("photograph.jpg");
//     support::write_image("copy.png", image);
//     support::write_picture("copy.png", support::read_picture("photograph.jpg"));
#pragma once

#include <cstdint>
#include <filesystem>
#include <vector>

#include "cnf/metrics/luma.hpp"

namespace support {

struct Image {
  int height = 0;
  int width = 0;
  std::vector<std::uint8_t> rgb;  // height * width * 3

  cnf::metrics::Rgb8View view() const { return {rgb.data(), height, width}; }
};

/// An image, and what else its file says of it.
struct Picture {
  Image image;                             // upright; colours that transparency has not touched
  std::vector<std::uint8_t> alpha;         // height * width; none: opaque everywhere
  bool grey = false;                       // one channel in the file, three equal ones here
  int bits = 8;                            // of a channel in the file
  std::vector<std::uint8_t> profile = {};  // ICC; none where it is not one of such colours
};

Image read_image(const std::filesystem::path& path);
Picture read_picture(const std::filesystem::path& path);

// Rows top .. top + height and columns left .. left + width, which must lie inside.
Image cropped(const Image& image, int top, int left, int height, int width);

void write_image(const std::filesystem::path& path, Image image);

/// Grey as one channel (the luma of BT.601) and with alpha and profile where the format has them; alpha is shown on white
/// where it hasn't.
void write_picture(const std::filesystem::path& path, const Picture& picture);
/// Whether a file of this name can hold transparency. Error for a name of no known format.
bool holds_alpha(const std::filesystem::path& path);

// All image files in the folder and its subfolders, sorted by path; chosen by extension, in any case. Hidden
// files and folders are left out. Throws when there is no such folder or not one image in it.
std::vector<std::filesystem::path> find_images(const std::filesystem::path& folder);

}  // namespace support
