#include "support/image.hpp"

#include <OpenImageIO/imageio.h>
#include <lcms2.h>
#include <unistd.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <limits>
#include <string>
#include <vector>

#include "cnf/core/error.hpp"
#include "support/doctest.hpp"
#include "support/error_of.hpp"
#include "support/file_size_limit.hpp"
#include "support/files.hpp"
#include "support/image_files.hpp"
#include "support/temporary_folder.hpp"

namespace fs = std::filesystem;
using support::find_images;
using support::Image;
using support::read_image;
using support::read_picture;
using support::write_image;
using support::write_picture;

namespace {

using Bytes = std::vector<std::uint8_t>;

Image noise(int height, int width) {
  Image image{height, width, {}};
  std::uint32_t state = 1;
  for (int i = 0; i < height * width * 3; ++i) {
    state = state * 1664525 + 1013904223;
    image.rgb.push_back(static_cast<std::uint8_t>(state >> 24));
  }
  return image;
}

Bytes load(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  return Bytes((std::istreambuf_iterator<char>(file)), {});
}

void store(const fs::path& path, const Bytes& bytes) {
  std::ofstream file(path, std::ios::binary);
  file.write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
}

}  // namespace

TEST_CASE("lossless formats give back what was written, from 1x1 on") {
  const TemporaryFolder folder;
  for (const char* name : {"a.png", "a.bmp", "a.tif", "a.tiff", "A.PNG"}) {
    for (const Image& image : {noise(1, 1), noise(1, 5), noise(37, 22)}) {
      CAPTURE(name);
      write_image(folder / name, image);
      const Image back = read_image(folder / name);
      CHECK(back.height == image.height);
      CHECK(back.width == image.width);
      CHECK(back.rgb == image.rgb);
    }
  }
  CHECK(folder.entries() == 5);  // and no temporary file
}

TEST_CASE("JPEG keeps the size and, of a flat image, the colour") {
  const TemporaryFolder folder;
  Image image{17, 9, {}};
  for (int i = 0; i < 17 * 9; ++i) image.rgb.insert(image.rgb.end(), {200, 90, 30});
  write_image(folder / "flat.jpg", image);
  const Image back = read_image(folder / "flat.jpg");
  REQUIRE(back.height == 17);
  REQUIRE(back.width == 9);
  for (std::size_t i = 0; i < back.rgb.size(); ++i) CHECK(std::abs(back.rgb[i] - image.rgb[i]) <= 2);
}

TEST_CASE("grey becomes RGB") {
  const TemporaryFolder folder;
  for (const char* name : {"grey.png", "grey.tif"}) {
    CHECK(read_image(make_file<std::uint8_t>(folder / name, 1, 3, 1, {0, 128, 255})).rgb ==
          Bytes{0, 0, 0, 128, 128, 128, 255, 255, 255});
  }
}

TEST_CASE("16-bit and float values are rounded to the nearest of 256") {
  const TemporaryFolder folder;
  const std::vector<std::uint16_t> words = {0, 128, 129, 257 * 7 + 128, 257 * 7 + 129, 65535};
  for (const char* name : {"deep.png", "deep.tif"}) {
    CHECK(read_image(make_file(folder / name, 1, 2, 3, words)).rgb == Bytes{0, 0, 1, 7, 8, 255});
  }
  const std::vector<float> floats = {0.0F, 0.49F / 255, 0.51F / 255, 0.5F, 1.0F, 1.0F};
  CHECK(read_image(make_file(folder / "float.tif", 1, 2, 3, floats)).rgb == Bytes{0, 0, 1, 128, 255, 255});
}

TEST_CASE("numbers whose white nobody can know are refused with their range") {
  const TemporaryFolder folder;
  const auto refused = [&](const fs::path& path) { return error_of([&] { read_image(path); }); };
  CHECK(contains(refused(make_file<float>(folder / "large.tif", 1, 1, 3, {0, 17, 255})),
                 "large.tif: expected values of 0 .. 1, got 0 .. 255"));
  CHECK(contains(refused(make_file<float>(folder / "low.tif", 1, 1, 3, {-3, 0, 1})), "got -3 .. 1"));
  CHECK(contains(
      refused(make_file<float>(folder / "nan.tif", 1, 1, 3, {0, std::numeric_limits<float>::quiet_NaN(), 1})),
      "nan.tif: it has values that are not numbers"));
  CHECK(contains(refused(make_file<std::uint16_t>(folder / "twelve.png", 1, 1, 3, {0, 17, 4095})),
                 "twelve.png: expected 16-bit values with white at 65535, got 0 .. 4095"));
  CHECK(read_image(make_file<std::uint16_t>(folder / "black.png", 1, 1, 3, {0, 0, 0})).rgb == Bytes{0, 0, 0});
  store(folder / "lab.tif", lzw_tiff_bytes(1, 1, {200, 10, 10}, 8));
  CHECK(contains(refused(folder / "lab.tif"), "lab.tif: its colours are L*a*b*"));
}

TEST_CASE("levels are a file's numbers as they are") {
  const TemporaryFolder folder;
  const auto levels = support::read_levels(
      make_file<std::uint16_t>(folder / "deep.png", 1, 2, 4, {0, 1, 65535, 65535, 9, 9, 9, 0}));
  CHECK(levels.height == 1);
  CHECK(levels.width == 2);
  CHECK(levels.rgb[0] == 0);
  CHECK(levels.rgb[1] == doctest::Approx(1.0 / 65535));
  CHECK(levels.rgb[2] == 1);
  CHECK(levels.alpha == std::vector<float>{1, 0});
  const auto turned =
      support::read_levels(make_file<std::uint8_t>(folder / "turned.tif", 1, 2, 1, {0, 255}, 6));
  CHECK(turned.height == 2);
  CHECK(turned.rgb == std::vector<float>{0, 0, 0, 1, 1, 1});
  CHECK(turned.alpha.empty());
}

TEST_CASE("the orientation holds in every format that keeps it") {
  const TemporaryFolder folder;
  for (const char* name : {"a.tif", "a.jpg", "a.png", "a.webp"}) {
    CAPTURE(name);
    Bytes pixels;  // left half black, right half white
    for (int i = 0; i < 16 * 32; ++i) pixels.insert(pixels.end(), 3, i % 32 < 16 ? 0 : 255);
    const auto path = make_file<std::uint8_t>(folder / name, 16, 32, 3, pixels, 6);
    const auto in = OIIO::ImageInput::open(path.string());
    REQUIRE(in);
    if (in->spec().get_int_attribute("Orientation", 1) != 6) continue;  // this image library does not keep it
    const auto image = read_image(path);
    CHECK(image.height == 32);
    CHECK(image.width == 16);
    CHECK(image.rgb[0] < 60);
    CHECK(image.rgb.back() > 200);
  }
}

TEST_CASE("PPM, PGM and WebP are read and written") {
  const TemporaryFolder folder;
  const Image image = noise(6, 5);
  write_image(folder / "a.ppm", image);
  CHECK(read_image(folder / "a.ppm").rgb == image.rgb);
  store(folder / "a.pgm", Bytes{'P', '5', '\n', '2', ' ', '1', '\n', '2', '5', '5', '\n', 7, 200});
  CHECK(read_image(folder / "a.pgm").rgb == Bytes{7, 7, 7, 200, 200, 200});
  write_image(folder / "a.webp", Image{8, 8, Bytes(192, 120)});
  CHECK(std::abs(read_image(folder / "a.webp").rgb[0] - 120) <= 3);
}

TEST_CASE("transparent pixels are shown on white") {
  const TemporaryFolder folder;
  const Bytes rgba = {200, 100, 50, 51, 200, 100, 50, 255, 200, 100, 50, 0};
  const Bytes on_white = {244, 224, 214, 200, 100, 50, 255, 255, 255};
  CHECK(read_image(make_file(folder / "a.png", 1, 3, 4, rgba)).rgb == on_white);
  CHECK(read_image(make_file(folder / "a.tif", 1, 3, 4, rgba)).rgb == on_white);

  CHECK(read_image(make_file<std::uint8_t>(folder / "c.png", 1, 1, 4, {9, 9, 9, 0})).rgb ==
        Bytes{255, 255, 255});  // nothing but transparency

  const Bytes premultiplied = {40, 20, 10, 51, 200, 100, 50, 255, 0, 0, 0, 0};
  CHECK(read_image(make_file(folder / "b.tif", 1, 3, 4, premultiplied, 1, true)).rgb == on_white);

  const Bytes grey_alpha = {100, 51, 100, 255};
  CHECK(read_image(make_file(folder / "ga.png", 1, 2, 2, grey_alpha)).rgb ==
        Bytes{224, 224, 224, 100, 100, 100});
}

TEST_CASE("a 32-bit BMP with an unused fourth byte is opaque, and palettes are looked up") {
  const TemporaryFolder folder;
  // A 2x1 bottom-up picture.
  const auto header = [](int pixels_begin, int bits, int colours) {
    Bytes bytes = {'B', 'M'};
    const auto append = [&](int value, int count) {
      for (int i = 0; i < count; ++i) bytes.push_back(static_cast<std::uint8_t>((value >> (8 * i)) & 0xFF));
    };
    for (const int value : {66, 0, pixels_begin, 40, 2, 1}) append(value, 4);
    append(1, 2);
    append(bits, 2);
    for (const int value : {0, 0, 0, 0, colours, colours}) append(value, 4);
    return bytes;
  };
  Bytes bgrx = header(54, 32, 0);
  bgrx.insert(bgrx.end(), {50, 100, 200, 0, 1, 2, 3, 0});
  store(folder / "x.bmp", bgrx);
  CHECK(read_image(folder / "x.bmp").rgb == Bytes{200, 100, 50, 3, 2, 1});

  Bytes palette = header(62, 8, 2);
  palette.insert(palette.end(), {50, 100, 200, 0, 1, 2, 3, 0});  // two colours
  palette.insert(palette.end(), {1, 0, 0, 0});                   // one row, padded to four bytes
  store(folder / "p.bmp", palette);
  CHECK(read_image(folder / "p.bmp").rgb == Bytes{3, 2, 1, 200, 100, 50});
}

TEST_CASE("a GIF's palette is looked up, and its transparent colour is shown on white") {
  const TemporaryFolder folder;
  // more pixels than fit into one block of the file
  Bytes indices(20 * 30), expected;
  for (std::size_t i = 0; i < indices.size(); ++i) {
    indices[i] = static_cast<std::uint8_t>(i % 7 % 3);
    const Bytes colours[] = {{252, 254, 252}, {4, 2, 4}, {10, 200, 30}};
    expected.insert(expected.end(), colours[indices[i]].begin(), colours[indices[i]].end());
  }
  const std::vector<std::array<std::uint8_t, 3>> palette = {{252, 254, 252}, {4, 2, 4}, {10, 200, 30}};
  store(folder / "a.gif", gif_bytes(20, 30, palette, indices));
  const Image image = read_image(folder / "a.gif");
  CHECK(image.height == 20);
  CHECK(image.width == 30);
  CHECK(image.rgb == expected);

  store(folder / "b.gif", gif_bytes(1, 3, palette, {0, 1, 2}, 1));
  CHECK(read_image(folder / "b.gif").rgb == Bytes{252, 254, 252, 255, 255, 255, 10, 200, 30});
}

TEST_CASE("a TIFF file with LZW compression and no predictor gives back its pixels") {
  const TemporaryFolder folder;
  const Image image = noise(23, 31);
  store(folder / "a.tif", lzw_tiff_bytes(23, 31, image.rgb));
  const Image back = read_image(folder / "a.tif");
  CHECK(back.height == 23);
  CHECK(back.width == 31);
  CHECK(back.rgb == image.rgb);
}

TEST_CASE("the EXIF orientation is applied") {
  const TemporaryFolder folder;
  const Bytes stored = {1, 2, 3,  //
                        4, 5, 6};
  struct Case {
    int orientation;
    int height;
    Bytes upright;
  };
  const std::vector<Case> cases = {{1, 2, {1, 2, 3, 4, 5, 6}}, {2, 2, {3, 2, 1, 6, 5, 4}},
                                   {3, 2, {6, 5, 4, 3, 2, 1}}, {4, 2, {4, 5, 6, 1, 2, 3}},
                                   {5, 3, {1, 4, 2, 5, 3, 6}}, {6, 3, {4, 1, 5, 2, 6, 3}},
                                   {7, 3, {6, 3, 5, 2, 4, 1}}, {8, 3, {3, 6, 2, 5, 1, 4}}};
  for (const Case& expected : cases) {
    CAPTURE(expected.orientation);
    const Image image = read_image(make_file(folder / "turned.tif", 2, 3, 1, stored, expected.orientation));
    CHECK(image.height == expected.height);
    Bytes red;
    for (std::size_t i = 0; i < image.rgb.size(); i += 3) red.push_back(image.rgb[i]);
    CHECK(red == expected.upright);
  }
}

TEST_CASE("a truncated file is an error in one line that names it, wherever it is cut") {
  const TemporaryFolder folder;
  for (const std::string name : {"a.png", "a.jpg", "a.bmp", "a.tif", "a.gif"}) {
    // The end mark of a GIF file is no part of the picture.
    const bool is_gif = name == "a.gif";
    if (is_gif)
      store(folder / name, gif_bytes(40, 30, {{0, 0, 0}, {255, 255, 255}}, Bytes(40 * 30, 1)));
    else
      write_image(folder / name, noise(40, 30));
    const Bytes whole = load(folder / name);
    for (std::size_t count = 0; count < whole.size() - (is_gif ? 1 : 0); count += count < 64 ? 1 : 97) {
      CAPTURE(count);
      store(folder / name, Bytes(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(count)));
      const std::string error = error_of([&] { read_image(folder / name); });
      CHECK(contains(error, "cannot read " + (folder / name).string() + ": "));
      CHECK_FALSE(contains(error, "\n"));
    }
  }
}

TEST_CASE(
    "a JPEG cut behind its thumbnail's end marker is truncated too; bytes after the picture are no harm") {
  const TemporaryFolder folder;
  write_image(folder / "a.jpg", noise(40, 30));
  const Bytes whole = load(folder / "a.jpg");
  Bytes with_thumbnail(whole.begin(), whole.begin() + 2);
  with_thumbnail.insert(with_thumbnail.end(),
                        {0xFF, 0xEA, 0, 6, 0xFF, 0xD8, 0xFF, 0xD9});  // in a private segment
  with_thumbnail.insert(with_thumbnail.end(), whole.begin() + 2, whole.end());
  store(folder / "b.jpg", with_thumbnail);
  CHECK(read_image(folder / "b.jpg").rgb == read_image(folder / "a.jpg").rgb);

  store(folder / "b.jpg", Bytes(with_thumbnail.begin(), with_thumbnail.end() - 200));
  CHECK(contains(error_of([&] { read_image(folder / "b.jpg"); }), "truncated"));

  with_thumbnail.insert(with_thumbnail.end(), {'m', 'o', 'r', 'e'});
  store(folder / "b.jpg", with_thumbnail);
  CHECK(read_image(folder / "b.jpg").rgb == read_image(folder / "a.jpg").rgb);
}

TEST_CASE("damaged, foreign and missing files are errors with a reason") {
  const TemporaryFolder folder;
  write_image(folder / "a.png", noise(20, 20));
  Bytes damaged = load(folder / "a.png");
  damaged[damaged.size() / 2] ^= 1;
  store(folder / "a.png", damaged);
  CHECK(contains(error_of([&] { read_image(folder / "a.png"); }), "a.png: the file is damaged"));

  store(folder / "text.png", {'h', 'e', 'l', 'l', 'o'});
  CHECK(contains(error_of([&] { read_image(folder / "text.png"); }),
                 "cannot read " + (folder / "text.png").string()));
  CHECK(contains(error_of([&] { read_image(folder / "none.png"); }), "none.png: no such file"));
  CHECK(contains(error_of([&] { read_image(folder.path()); }), "it is a folder"));
}

TEST_CASE("a file that claims absurd dimensions is an error") {
  const TemporaryFolder folder;
  for (const std::uint8_t top_byte : {std::uint8_t{0x7F}, std::uint8_t{0x00}}) {
    Bytes bmp = {'B', 'M', 58, 0, 0, 0, 0, 0, 0, 0, 54, 0, 0, 0, 40, 0, 0, 0};
    for (int extent = 0; extent < 2; ++extent) bmp.insert(bmp.end(), {0xFF, 0xFF, top_byte, top_byte});
    bmp.insert(bmp.end(), {1, 0, 24, 0});
    bmp.resize(58);
    store(folder / "huge.bmp", bmp);
    CHECK(contains(error_of([&] { read_image(folder / "huge.bmp"); }), "cannot read "));
  }
  store(folder / "huge.gif", gif_bytes(0xFFFF, 0xFFFF, {{0, 0, 0}}, {0}));
  CHECK(contains(error_of([&] { read_image(folder / "huge.gif"); }), "cannot read "));
}

TEST_CASE("a failed write leaves nothing behind") {
  const TemporaryFolder folder;
  const Image image = noise(40, 30);

  SUBCASE("unknown format") {
    CHECK(contains(error_of([&] { write_image(folder / "a.xyz", image); }), "unknown image format '.xyz'"));
    CHECK(contains(error_of([&] { write_image(folder / "a", image); }), "unknown image format ''"));
    CHECK(contains(error_of([&] { write_image(folder / "a.gif", image); }), "unknown image format '.gif'"));
  }
  SUBCASE("missing folder") {
    CHECK(contains(error_of([&] { write_image(folder / "none/a.png", image); }),
                   "none/a.png: No such file or directory"));
  }
  SUBCASE("disk full") {
    for (const char* name : {"a.png", "a.jpg", "a.bmp", "a.tif"}) {
      const FileSizeLimit full(100);
      CHECK(contains(error_of([&] { write_image(folder / name, image); }),
                     std::string(name) + ": File too large"));
    }
  }
  SUBCASE("read-only folder") {
    fs::permissions(folder.path(), fs::perms::owner_read | fs::perms::owner_exec);
    const bool refused = access(folder.path().c_str(), W_OK) != 0;  // not for root
    const std::string error = error_of([&] { write_image(folder / "a.png", image); });
    fs::permissions(folder.path(), fs::perms::owner_all);
    CHECK(error ==
          (refused ? "cannot write " + (folder / "a.png").string() + ": Permission denied" : "no error"));
    if (!refused) fs::remove(folder / "a.png");
  }
  SUBCASE("wrong number of bytes") {
    CHECK(contains(error_of([&] {
                     write_image(folder / "a.png", Image{2, 2, {1, 2, 3}});
                   }),
                   "got 2x2 with 3 bytes"));
    CHECK(contains(error_of([&] { write_image(folder / "a.png", Image{}); }), "got 0x0 with 0 bytes"));
  }
  CHECK(folder.entries() == 0);
}

TEST_CASE("a failed write keeps the older file whole") {
  const TemporaryFolder folder;
  const Image old = noise(2, 2);
  write_image(folder / "a.bmp", old);
  {
    const FileSizeLimit full(100);
    CHECK_THROWS_AS(write_image(folder / "a.bmp", noise(40, 30)), cnf::Error);
  }
  CHECK(read_image(folder / "a.bmp").rgb == old.rgb);

  fs::create_directory(folder / "taken.png");
  CHECK(contains(error_of([&] { write_image(folder / "taken.png", old); }), "taken.png: Is a directory"));
  CHECK(folder.entries() == 2);
}

TEST_CASE("find_images looks into subfolders, at the extension in any case, and sorts") {
  const TemporaryFolder folder;
  fs::create_directories(folder / "deep/er");
  fs::create_directories(folder / ".hidden");
  fs::create_directories(folder / "folder.png");
  for (const char* name : {"b.PNG", "a.jpg", "deep/er/c.TiFf", "deep/d.bmp", "e.jpeg", "f.tif", "g.Gif",
                           "notes.txt", "._a.jpg", ".hidden/h.png", "png"}) {
    store(folder / name, {});
  }
  CHECK(find_images(folder.path()) == std::vector<fs::path>{folder / "a.jpg", folder / "b.PNG",
                                                            folder / "deep/d.bmp", folder / "deep/er/c.TiFf",
                                                            folder / "e.jpeg", folder / "f.tif",
                                                            folder / "g.Gif"});
}

TEST_CASE("find_images tells what it left out") {
  const TemporaryFolder folder;
  write_image(folder / "a.png", noise(2, 2));
  for (const std::string name : {"1.txt", "2.raw", "3", "4.heic", "5.md", "6.csv", ".hidden.txt"})
    store(folder / name, Bytes{'x'});
  std::vector<fs::path> others;
  CHECK(find_images(folder.path(), &others).size() == 1);
  REQUIRE(others.size() == 6);
  std::sort(others.begin(), others.end());
  CHECK(support::left_out_text(folder.path(), others) ==
        "left out of " + folder.path().string() + ", as no images: 1.txt, 2.raw, 3, 4.heic, 5.md and 1 more");
}

TEST_CASE("find_images says in one sentence what is wrong with the folder") {
  const TemporaryFolder folder;
  store(folder / "notes.txt", {});
  CHECK(error_of([&] { find_images(folder / "none"); }) == "no such folder: " + (folder / "none").string());
  CHECK(error_of([&] { find_images(folder / "notes.txt"); }) ==
        "not a folder: " + (folder / "notes.txt").string());
  CHECK(error_of([&] { find_images(folder.path()); }) ==
        "no PNG, JPEG, BMP, TIFF, GIF, PPM, PGM or WebP images in folder " + folder.path().string());
}

namespace {

support::Picture picture_of(Image image, Bytes alpha, bool grey) {
  support::Picture picture;
  picture.image = std::move(image);
  picture.alpha = std::move(alpha);
  picture.grey = grey;
  return picture;
}

}  // namespace

TEST_CASE("a picture keeps what its file says beside the colours") {
  const TemporaryFolder folder;

  const auto grey = read_picture(make_file<std::uint8_t>(folder / "grey.png", 1, 3, 1, {0, 128, 255}));
  CHECK(grey.grey);
  CHECK(grey.bits == 8);
  CHECK(grey.alpha.empty());
  CHECK(grey.image.rgb == Bytes{0, 0, 0, 128, 128, 128, 255, 255, 255});

  const auto deep = read_picture(make_file<std::uint16_t>(folder / "deep.png", 1, 1, 3, {0, 32896, 65535}));
  CHECK(!deep.grey);
  CHECK(deep.bits == 16);
  CHECK(deep.image.rgb == Bytes{0, 128, 255});

  // colours below transparency stay; multiplied ones are divided again
  const auto clear = read_picture(
      make_file<std::uint8_t>(folder / "clear.png", 1, 2, 4, {10, 20, 30, 0, 200, 100, 50, 128}));
  CHECK(clear.alpha == Bytes{0, 128});
  CHECK(clear.image.rgb == Bytes{10, 20, 30, 200, 100, 50});
  const auto multiplied = read_picture(make_file<std::uint8_t>(
      folder / "multiplied.tif", 1, 1, 4, {100, 50, 25, 128}, 1, /*associated_alpha=*/true));
  CHECK(multiplied.alpha == Bytes{128});
  CHECK(std::abs(multiplied.image.rgb[0] - 199) <= 1);

  // opaque everywhere is no transparency; a stored orientation holds for the alpha too
  CHECK(read_picture(make_file<std::uint8_t>(folder / "opaque.png", 1, 1, 4, {1, 2, 3, 255})).alpha.empty());
  const auto turned =
      read_picture(make_file<std::uint8_t>(folder / "turned.tif", 1, 2, 2, {5, 0, 6, 255}, 6));
  CHECK(turned.image.height == 2);
  CHECK(turned.image.width == 1);
  CHECK(turned.alpha == Bytes{0, 255});

  // and comes back from a file of its own
  for (const char* name : {"out.png", "out.tif"}) {
    CAPTURE(name);
    write_picture(folder / name, clear);
    CHECK(read_picture(folder / name).alpha == clear.alpha);
    CHECK(read_picture(folder / name).image.rgb == clear.image.rgb);
    write_picture(folder / name, turned);
    CHECK(read_picture(folder / name).grey);
    CHECK(read_picture(folder / name).alpha == turned.alpha);
    CHECK(support::holds_alpha(folder / name));
  }
  CHECK(!support::holds_alpha("a.jpg"));
  CHECK(!support::holds_alpha("a.bmp"));
  write_picture(folder / "white.bmp", picture_of({1, 1, {100, 100, 100}}, {51}, true));
  CHECK(read_image(folder / "white.bmp").rgb == Bytes{224, 224, 224});  // 100 * 0.2 + 255 * 0.8
  CHECK(error_of([&] { support::holds_alpha("a.gif"); }) ==
        "cannot write a.gif: unknown image format '.gif' (use .png, .jpg, .bmp, .tif, .ppm, .pgm or .webp)");
}

TEST_CASE("colours of another profile become those of sRGB, and its name is told") {
  const TemporaryFolder folder;
  // Adobe RGB (1998): its own primaries, gamma 563/256
  const cmsCIExyY white{0.3127, 0.3290, 1};
  const cmsCIExyYTRIPLE primaries{{0.64, 0.33, 1}, {0.21, 0.71, 1}, {0.15, 0.06, 1}};
  const auto bytes_of = [](cmsHPROFILE profile) {
    cmsUInt32Number size = 0;
    cmsSaveProfileToMem(profile, nullptr, &size);
    Bytes bytes(size);
    cmsSaveProfileToMem(profile, bytes.data(), &size);
    cmsCloseProfile(profile);
    return bytes;
  };
  auto* const curve = cmsBuildGamma(nullptr, 563.0 / 256);
  cmsToneCurve* const curves[] = {curve, curve, curve};
  const auto wide = bytes_of(cmsCreateRGBProfile(&white, &primaries, curves));
  cmsCIExyY d50{0.3457, 0.3585, 1};
  auto* const linear = cmsBuildGamma(nullptr, 1);
  const auto grey = bytes_of(cmsCreateGrayProfile(&d50, linear));
  cmsFreeToneCurve(curve);
  cmsFreeToneCurve(linear);

  // by hand: (v/255)^gamma, Adobe's matrix to XYZ and sRGB's from it, and sRGB's curve give (227, 100, 42) for (200, 100, 50)
  for (const char* name : {"a.tif", "a.png"}) {
    CAPTURE(name);
    const auto picture = read_picture(
        make_file<std::uint8_t>(folder / name, 1, 2, 3, {200, 100, 50, 128, 128, 128}, 1, false, wide));
    CHECK(!picture.profile.empty());
    const Bytes expected{227, 100, 42, 129, 129, 129};
    for (std::size_t i = 0; i < 6; ++i) CHECK(std::abs(picture.image.rgb[i] - expected[i]) <= 2);
  }
  // linear light: 0.5 is 188 in sRGB
  const auto shade = read_picture(make_file<std::uint8_t>(folder / "g.tif", 1, 1, 1, {128}, 1, false, grey));
  CHECK(std::abs(shade.image.rgb[1] - 188) <= 2);
  CHECK(shade.grey);

  // sRGB itself, a broken profile, and one of other colours change nothing
  for (const auto& profile : {bytes_of(cmsCreate_sRGBProfile()), Bytes(160, 7), grey}) {
    const auto same = read_picture(
        make_file<std::uint8_t>(folder / "same.tif", 1, 1, 3, {200, 100, 50}, 1, false, profile));
    CHECK(same.image.rgb == Bytes{200, 100, 50});
    CHECK(same.profile.empty());
    CHECK(same.unused_profile.empty() == (profile != grey));
  }
}

TEST_CASE("an image that can't be written is refused beforehand") {
  const TemporaryFolder folder;
  support::expect_image_writable(folder / "a.png");
  CHECK(contains(error_of([&] { support::expect_image_writable(folder / "a.gif"); }),
                 "unknown image format '.gif'"));
  CHECK(
      contains(error_of([&] { support::expect_image_writable(folder / "none" / "a.png"); }), "No such file"));
  CHECK(folder.entries() == 0);
}
