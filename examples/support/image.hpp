// Image files for the example programs, as 8-bit RGB: PNG, JPEG, BMP, TIFF, PPM, PGM and WebP in and out, GIF in.
//
// read_picture reads what read_image does, and what an enlargement should keep: whether it is grey, and its transparency.
//
// read_image turns every file into interleaved 8-bit RGB in sRGB, rows from the top: grey is repeated into three
// channels, palettes are looked up, 16-bit and float values are rounded to the nearest 8-bit value, an ICC profile's colours
// become sRGB's, transparent pixels are shown on white, and the EXIF orientation is applied. Only the first picture of a
// file with several pages or frames is read. Numbers whose white nobody can know are refused: floats beyond 0 .. 1, 16-bit
// values that all lie below 4096.
// write_image takes the format from the extension. The file appears whole or not at all (cnf/io/atomic_file.hpp). Every
// failure is a cnf::Error of one line that names the file and the reason.
//
//     support::Image image = support::read_image("photograph.jpg");
//     support::write_image("copy.png", image);
//     support::write_picture("copy.png", support::read_picture("photograph.jpg"));
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
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
  Image image;                      // upright; colours that transparency has not touched
  std::vector<std::uint8_t> alpha;  // height * width; none: opaque everywhere
  bool grey = false;                // one channel in the file, three equal ones here
  int bits = 8;                     // of a channel in the file
  std::string profile = {};  // name of the file's ICC profile, where its colours were turned into sRGB's
  std::string unused_profile =
      {};  // name of one for other colours, as CMYK's, which are converted without it
};

/// The numbers of a file as they are: for masks and labels, in which 0 and 1 of 65,535 are two classes.
struct Levels {
  int height = 0, width = 0;
  std::vector<float> rgb;    // height * width * 3, the largest value that the file's type can hold is 1
  std::vector<float> alpha;  // height * width; none: opaque everywhere

  std::size_t pixels() const { return rgb.size() / 3; }
};

Image read_image(const std::filesystem::path& path);
Levels read_levels(const std::filesystem::path& path);
Picture read_picture(const std::filesystem::path& path);

/// Throws what writing an image of this name would, as far as that can be told beforehand.
void expect_image_writable(const std::filesystem::path& path);

// Rows top .. top + height and columns left .. left + width, which must lie inside.
Image cropped(const Image& image, int top, int left, int height, int width);

void write_image(const std::filesystem::path& path, Image image);

/// Grey as one channel (the luma of BT.601) and with alpha where the format has it; alpha is shown on white where it hasn't.
void write_picture(const std::filesystem::path& path, const Picture& picture);
/// Whether a file of this name can hold transparency. Error for a name of no known format.
bool holds_alpha(const std::filesystem::path& path);

// All image files in the folder and its subfolders, sorted by path; chosen by extension, in any case. Hidden
// files and folders are left out. Throws when there is no such folder or not one image in it. `others`: the files that are no
// images, by their names.
std::vector<std::filesystem::path> find_images(const std::filesystem::path& folder,
                                               std::vector<std::filesystem::path>* others = nullptr);
/// A sentence about such others.
std::string left_out_text(const std::filesystem::path& folder,
                          const std::vector<std::filesystem::path>& others);

}  // namespace support
