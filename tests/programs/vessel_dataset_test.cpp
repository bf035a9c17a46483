#include "vessel_segmentation/dataset.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <fstream>
#include <set>
#include <string>
#include <vector>

#include "cnf/core/error.hpp"
#include "support/doctest.hpp"
#include "support/error_of.hpp"
#include "support/image_files.hpp"
#include "support/temporary_folder.hpp"

namespace fs = std::filesystem;
using namespace vessel_segmentation;

namespace {

using Bytes = std::vector<std::uint8_t>;

constexpr int height = 12, width = 10;

support::Image picture(int seed, int h = height, int w = width) {
  support::Image image{h, w, {}};
  for (int i = 0; i < h * w * 3; ++i) image.rgb.push_back(std::uint8_t(i * 37 + seed * 11));
  return image;
}

/// Another one for each seed.
Mask pattern(int seed, int h = height, int w = width) {
  Mask mask{h, w, {}};
  for (int i = 0; i < h * w; ++i) mask.on.push_back((i * i + seed * i) % 7 < 3);
  return mask;
}

void store(const fs::path& path, const Bytes& bytes) {
  fs::create_directories(path.parent_path());
  std::ofstream(path, std::ios::binary)
      .write(reinterpret_cast<const char*>(bytes.data()), std::streamsize(bytes.size()));
}

void store(const fs::path& path, const support::Image& image) {
  fs::create_directories(path.parent_path());
  support::write_image(path, image);
}
void store(const fs::path& path, const Mask& mask) { store(path, to_image(mask)); }

void store_tiff(const fs::path& path, const support::Image& image) {
  store(path, lzw_tiff_bytes(image.height, image.width, image.rgb));
}

using Palette = std::vector<std::array<std::uint8_t, 3>>;
const Palette black_and_white = {{0, 0, 0}, {255, 255, 255}};
const Palette white_and_black = {{255, 255, 255}, {0, 0, 0}};
const Palette nearly = {{4, 2, 4}, {252, 254, 252}};

void store_gif(const fs::path& path, const Mask& mask, const Palette& palette = black_and_white) {
  Bytes indices;
  for (const auto on : mask.on) indices.push_back(palette[1][0] > palette[0][0] ? on : 1 - on);
  store(path, gif_bytes(mask.height, mask.width, palette, indices));
}

void check_names(const std::string& error, const std::vector<std::string>& parts) {
  for (const auto& part : parts) {
    CAPTURE(error);
    CAPTURE(part);
    CHECK(error.find(part) != std::string::npos);
  }
  CHECK(error.find('\n') == std::string::npos);
}

void make_plain(const fs::path& data, const std::vector<int>& numbers) {
  for (const int n : numbers) {
    const auto name = (n < 10 ? "0" : "") + std::to_string(n) + ".png";
    store(data / "images" / name, picture(n));
    store(data / "labels" / name, pattern(n));
  }
}

std::vector<std::string> names_of(const std::vector<FundusFiles>& files) {
  std::vector<std::string> names;
  for (const auto& f : files) names.push_back(f.name);
  return names;
}

std::set<int> patients_of(const std::vector<FundusFiles>& files) {
  std::set<int> patients;
  for (const auto& f : files) patients.insert(f.patient);
  return patients;
}

std::vector<FundusFiles> files_of_patients(const std::vector<int>& patients) {
  std::vector<FundusFiles> files;
  for (const int p : patients) files.push_back({.name = std::to_string(p), .patient = p});
  return files;
}

}  // namespace

TEST_CASE("plain pairs files by the first number in their names, and everything is inside") {
  const TemporaryFolder data;
  store(data / "images/7 left.bmp", picture(7));
  store(data / "images/eye_010.tif", picture(10));
  store(data / "labels/007_vessels_2.png", pattern(7));
  store(data / "labels/10.png", pattern(10));
  store(data / "labels/.hidden.png", pattern(1));
  store(data / "labels/notes.txt", Bytes{'x'});

  const auto files = find_fundus(data.path(), "plain", Part::train);
  CHECK(names_of(files) == std::vector<std::string>{"7 left", "eye_010"});
  REQUIRE(files.size() == 2);
  CHECK(files[1].label == data / "labels/10.png");
  const auto fundus = read_fundus(files[0]);
  CHECK(fundus.name == "7 left");
  CHECK(fundus.patient == 7);
  CHECK(fundus.image.rgb == picture(7).rgb);
  CHECK(fundus.label == pattern(7));
  CHECK(fundus.field_of_view == Mask{height, width, Bytes(height * width, 1)});
  CHECK_FALSE(fundus.second.has_value());
  CHECK(read_fundus(files[1]).label == pattern(10));
  CHECK(find_fundus(data.path() / "", "plain", Part::test).size() == 2);  // a slash at the end
}

TEST_CASE("files of one name belong together, whatever their numbers; each image is a patient of its own") {
  const TemporaryFolder data;
  for (const std::string name : {"01_dr", "01_g", "02_dr", "20051020_43808", "healthy"}) {
    const int seed = int(name.size()) + name.back();
    store(data / "images" / (name + ".JPG"), picture(seed));
    store(data / "labels" / (name + ".tif"), pattern(seed));
    store(data / "masks" / (name + "_mask.tif"), pattern(seed + 1));
  }
  store(data / "images" / "README.txt", Bytes{'x'});
  std::vector<std::string> notes;
  const auto files = find_fundus(data.path(), "plain", Part::train, &notes);
  CHECK(names_of(files) == std::vector<std::string>{"01_dr", "01_g", "02_dr", "20051020_43808", "healthy"});
  for (std::size_t i = 0; i < files.size(); ++i) {
    CHECK(files[i].patient == int(i) + 1);
    CHECK(files[i].label == data / "labels" / (files[i].name + ".tif"));
    CHECK(files[i].field_of_view == data / "masks" / (files[i].name + "_mask.tif"));
  }
  REQUIRE(notes.size() == 2);
  CHECK(notes[0].find("README.txt") != std::string::npos);
  check_names(notes[1],
              {"no patients.csv", "each image counts as a patient of its own", "order of their names"});

  fs::remove(data / "labels/01_g.tif");
  check_names(error_of([&] { find_fundus(data.path(), "plain", Part::train); }),
              {"no label for " + (data / "images/01_g.JPG").string(), (data / "labels/01_g.png").string()});
}

TEST_CASE("left and right eyes are told by letters and words; numbers are then the patients") {
  const TemporaryFolder data;
  for (const std::string name : {"10_left", "10_right", "DB1_07", "8-OD"}) {
    store(data / "images" / (name + ".ppm"), picture(1));
    store(data / "labels" / (name + ".png"), pattern(1));
  }
  std::vector<std::string> notes;
  const auto files = find_fundus(data.path(), "plain", Part::train, &notes);
  CHECK(names_of(files) == std::vector<std::string>{"10_left", "10_right", "8-OD", "DB1_07"});
  CHECK(patients_of(files) == std::set<int>{1, 8, 10});
  CHECK(notes.empty());
}

TEST_CASE("patients.csv tells whose eye it is") {
  const TemporaryFolder data;
  for (const std::string name : {"a", "b", "c"}) {
    store(data / "images" / (name + ".png"), picture(1));
    store(data / "labels" / (name + ".png"), pattern(1));
  }
  const auto write = [&](const std::string& text) {
    std::ofstream(data / "patients.csv") << text;
    return find_fundus(data.path(), "plain", Part::train);
  };
  const auto patients = [](const std::vector<FundusFiles>& files) {
    return std::vector<int>{files[0].patient, files[1].patient, files[2].patient};
  };
  CHECK(patients(write("\xEF\xBB\xBFname,patient\na,7\nb.png,3\r\nc, 7\n")) == std::vector<int>{7, 3, 7});
  CHECK(patients(write("a,Smith\nb,Jones\nc,Smith\n")) == std::vector<int>{1, 2, 1});
  check_names(error_of([&] { write("a,1\nb,1\n"); }),
              {"c.png", (data / "patients.csv").string(), "got none"});
  check_names(error_of([&] { write("a;1\n"); }), {"name,patient", "a;1"});
  check_names(error_of([&] { write("a,1,left\n"); }), {"name,patient", "a,1,left"});
}

TEST_CASE("any two values are two classes, of 8 or 16 bits; a transparent layer is a mask") {
  const TemporaryFolder data;
  make_plain(data.path(), {1});
  fs::remove(data / "labels/01.png");
  const auto label = [&](const char* name, int channels, auto type, auto&& values_of) {
    using Value = decltype(type);
    std::vector<Value> values;
    for (const auto on : pattern(1).on)
      for (int c = 0; c < channels; ++c) values.push_back(static_cast<Value>(values_of(on != 0, c)));
    make_file(data / "labels" / name, height, width, channels, values);
    const auto read = read_fundus(find_fundus(data.path(), "plain", Part::train).at(0)).label;
    fs::remove(data / "labels" / name);
    return read;
  };
  const std::uint8_t byte = 0;
  const std::uint16_t word = 0;
  CHECK(label("01.png", 1, byte, [](bool on, int) { return on ? 1 : 0; }) == pattern(1));
  CHECK(label("01.tif", 1, word, [](bool on, int) { return on ? 1 : 0; }) == pattern(1));
  CHECK(label("01.png", 1, word, [](bool on, int) { return on ? 255 : 0; }) == pattern(1));
  CHECK(label("01.png", 3, byte, [](bool on, int c) { return on && c == 0 ? 255 : 0; }) ==
        pattern(1));  // red
  CHECK(label("01.png", 1, byte, [](bool on, int) { return on ? 120 : 100; }) == pattern(1));
  // white on white, where the layer is transparent; and green in a black layer that is
  CHECK(label("01.png", 4, byte, [](bool on, int c) { return c == 3 && !on ? 0 : 255; }) == pattern(1));
  CHECK(label("01.png", 4, byte, [](bool on, int c) { return on && (c == 1 || c == 3) ? 255 : 0; }) ==
        pattern(1));
  // one value everywhere: black and white are clear, nothing else is
  CHECK(label("01.png", 1, byte, [](bool, int) { return 0; }).on == Bytes(height * width, 0));
  CHECK(label("01.png", 1, byte, [](bool, int) { return 255; }).on == Bytes(height * width, 1));
  check_names(error_of([&] { label("01.png", 1, byte, [](bool, int) { return 1; }); }),
              {(data / "labels/01.png").string(), "(1, 1, 1) everywhere"});
}

TEST_CASE("a label that is empty or nearly full is odd") {
  Fundus fundus{.name = "7",
                .patient = 7,
                .image = picture(1),
                .label = pattern(1),
                .field_of_view = {height, width, Bytes(height * width, 1)},
                .second = {}};
  fundus.label.on.assign(height * width, 0);
  std::fill_n(fundus.label.on.begin(), height * width / 2, 1);
  CHECK(oddness(fundus).empty());
  CHECK(has_vessels(fundus));
  fundus.label.on.assign(height * width, 0);
  CHECK_FALSE(has_vessels(fundus));
  check_names(oddness(fundus), {"label of 7", "no vessel"});
  fundus.label.on.assign(height * width, 1);
  check_names(oddness(fundus), {"label of 7", "more vessel than background", "inverted?"});
}

TEST_CASE("plain reads masks and second labels where they are, and wants them complete") {
  const TemporaryFolder data;
  make_plain(data.path(), {1, 2});
  store(data / "masks/1.png", pattern(11));
  store(data / "labels2/1.png", pattern(21));
  store(data / "labels2/2.png", pattern(22));
  check_names(error_of([&] { find_fundus(data.path(), "plain", Part::train); }),
              {"no mask for " + (data / "images/02.png").string(), (data / "masks/02.png").string()});

  store(data / "masks/2.png", pattern(12));
  const auto fundus = read_fundus(find_fundus(data.path(), "plain", Part::train).at(1));
  CHECK(fundus.label == pattern(2));
  CHECK(fundus.field_of_view == pattern(12));
  CHECK(fundus.second == pattern(22));

  fs::remove(data / "labels2/1.png");
  check_names(
      error_of([&] { find_fundus(data.path(), "plain", Part::train); }),
      {"no second label for " + (data / "images/01.png").string(), (data / "labels2/01.png").string()});
}

TEST_CASE(
    "the original DRIVE folders: LZW TIFF images, GIF labels and masks, a second grader in the test part") {
  const TemporaryFolder data;
  for (const int n : {21, 22}) {
    const auto number = std::to_string(n);
    store_tiff(data / ("training/images/" + number + "_training.tif"), picture(n));
    store_gif(data / ("training/1st_manual/" + number + "_manual1.gif"), pattern(n));
    store_gif(data / ("training/mask/" + number + "_training_mask.gif"), pattern(n + 100), white_and_black);
  }
  store_tiff(data / "test/images/01_test.tif", picture(1));
  store_gif(data / "test/1st_manual/01_manual1.gif", pattern(1));
  store_gif(data / "test/2nd_manual/01_manual2.gif", pattern(2), nearly);
  store_gif(data / "test/mask/01_test_mask.gif", pattern(3));

  const auto train = find_fundus(data.path(), "drive", Part::train);
  CHECK(names_of(train) == std::vector<std::string>{"21_training", "22_training"});
  const auto second = read_fundus(train.at(1));
  CHECK(second.patient == 22);
  CHECK(second.image.rgb == picture(22).rgb);
  CHECK(second.label == pattern(22));
  CHECK(second.field_of_view == pattern(122));  // whichever index of the palette is white
  CHECK_FALSE(second.second.has_value());

  for (const auto& place : {data.path(), data / "test"}) {
    const auto test = find_fundus(place, "drive", Part::test);
    REQUIRE(test.size() == 1);
    CHECK(test[0].patient == 1);
    const auto fundus = read_fundus(test[0]);
    CHECK(fundus.label == pattern(1));
    CHECK(fundus.second == pattern(2));  // dark grey and light grey
    CHECK(fundus.field_of_view == pattern(3));
  }
}

TEST_CASE("DRIVE's test part without labels is an error that names the file to get") {
  const TemporaryFolder data;
  store_tiff(data / "test/images/01_test.tif", picture(1));
  store_gif(data / "test/mask/01_test_mask.gif", pattern(3));
  check_names(error_of([&] { find_fundus(data.path(), "drive", Part::test); }),
              {"no label for " + (data / "test/images/01_test.tif").string(),
               "expected " + (data / "test/1st_manual/01_manual1.gif").string()});
  check_names(error_of([&] { find_fundus(data.path(), "drive", Part::train); }),
              {"'training'", data.path().string(), "drive"});
}

TEST_CASE("CHASE_DB1 in folders: both eyes are one patient") {
  const TemporaryFolder data;
  for (const std::string eye : {"01L", "01R", "02L"}) {
    const int seed = eye[1] * 2 + eye[2];
    store(data / ("images/Image_" + eye + ".jpg"), picture(seed));
    store(data / ("1stHO/Image_" + eye + "_1stHO.png"), pattern(seed));
    store(data / ("2ndHO/Image_" + eye + "_2ndHO.png"), pattern(seed + 1));
    store_gif(data / ("mask/Image_" + eye + ".gif"), pattern(seed + 2), white_and_black);
  }
  const auto files = find_fundus(data.path(), "chase", Part::train);
  CHECK(names_of(files) == std::vector<std::string>{"Image_01L", "Image_01R", "Image_02L"});
  CHECK(files.at(0).patient == 1);
  CHECK(files.at(1).patient == 1);
  CHECK(files.at(2).patient == 2);
  const auto right = read_fundus(files[1]);
  const int seed = '1' * 2 + 'R';
  CHECK(right.label == pattern(seed));
  CHECK(right.second == pattern(seed + 1));
  CHECK(right.field_of_view == pattern(seed + 2));

  fs::remove(data / "1stHO/Image_01R_1stHO.png");
  check_names(error_of([&] { find_fundus(data.path(), "chase", Part::train); }),
              {(data / "images/Image_01R.jpg").string(), (data / "1stHO/Image_01R_1stHO.png").string()});
}

TEST_CASE("CHASE_DB1 in one folder: the field of view is the bright disc") {
  const TemporaryFolder data;
  const int size = 40;
  support::Image image{size, size, {}};
  for (int y = 0; y < size; ++y) {
    for (int x = 0; x < size; ++x) {
      const bool inside = std::hypot(y - 19.5, x - 19.5) < 17;
      image.rgb.insert(image.rgb.end(), {std::uint8_t(inside ? 160 : 3), std::uint8_t(inside ? 60 : 2), 5});
    }
  }
  store(data / "Image_03R.jpg", image);
  store(data / "Image_03R_1stHO.png", pattern(5, size, size));
  auto fundus = read_fundus(find_fundus(data.path(), "chase", Part::train).at(0));
  CHECK(fundus.patient == 3);
  CHECK(fundus.label == pattern(5, size, size));
  CHECK_FALSE(fundus.second.has_value());
  CHECK(fundus.field_of_view == field_of_view_of(fundus.image));
  CHECK_FALSE(fundus.field_of_view.on[0]);
  CHECK(fundus.field_of_view.on[20 * size + 20]);

  store(data / "Image_03R_2ndHO.png", pattern(6, size, size));
  fundus = read_fundus(find_fundus(data.path(), "chase", Part::train).at(0));
  CHECK(fundus.second == pattern(6, size, size));

  store(data / "Image_04L.jpg", image);
  check_names(error_of([&] { find_fundus(data.path(), "chase", Part::train); }),
              {(data / "Image_04L.jpg").string(), (data / "Image_04L_1stHO.png").string()});
  fs::remove(data / "Image_04L.jpg");
  store(data / "picture5.jpg", image);
  check_names(error_of([&] { find_fundus(data.path(), "chase", Part::train); }),
              {"no label for " + (data / "picture5.jpg").string()});
}

TEST_CASE("what does not fit together is an error that names the file") {
  const TemporaryFolder data;
  make_plain(data.path(), {1, 2});
  const auto find = [&] { return find_fundus(data.path(), "plain", Part::train); };
  SUBCASE("no such folder") {
    check_names(error_of([&] { find_fundus(data / "none", "plain", Part::train); }),
                {"no such folder", (data / "none").string()});
  }
  SUBCASE("another layout") {
    check_names(error_of([&] { find_fundus(data.path(), "stare", Part::train); }),
                {"plain, drive or chase", "stare"});
    check_names(error_of([&] { find_fundus(data / "labels", "plain", Part::train); }),
                {"'images'", (data / "labels").string()});
    check_names(
        error_of([&] { find_fundus(data / "images", "chase", Part::train); }),
        {"no label for " + (data / "images/01.png").string(), (data / "images/01_1stHO.png").string()});
  }
  SUBCASE("an image without a label") {
    store(data / "images/3.png", picture(3));
    check_names(error_of(find), {"no label for " + (data / "images/3.png").string()});
  }
  SUBCASE("a label without an image") {
    store(data / "labels/3.png", pattern(3));
    check_names(error_of(find), {"no image for the label " + (data / "labels/3.png").string()});
  }
  SUBCASE("no labels at all") {
    fs::remove_all(data / "labels");
    check_names(error_of(find), {"no label for", (data / "labels/01.png").string()});
    fs::create_directory(data / "labels");
    check_names(error_of(find), {"no PNG", (data / "labels").string()});
  }
  SUBCASE("two files of one number") {
    store(data / "labels/2b.png", pattern(3));
    check_names(error_of(find), {(data / "labels/02.png").string(), (data / "labels/2b.png").string()});
  }
  SUBCASE("another size") {
    store(data / "labels/02.png", pattern(2, height, width + 1));
    check_names(error_of([&] { read_fundus(find().at(1)); }),
                {(data / "labels/02.png").string(), (data / "images/02.png").string(), "12x10", "12x11"});
  }
  SUBCASE("a scale that enlarges, or none") {
    for (const double scale : {0.0, -1.0, 1.5, std::nan("")})
      check_names(error_of([&] { read_fundus(find().at(0), scale); }), {"scale above 0 and at most 1"});
  }
}

TEST_CASE(
    "a label of many values is black and white within 64 levels; else the error names the file and the "
    "value") {
  const TemporaryFolder data;
  make_plain(data.path(), {1});
  const auto read = [&] { return read_fundus(find_fundus(data.path(), "plain", Part::train).at(0)); };
  const auto label = [&](std::array<std::uint8_t, 3> black, std::array<std::uint8_t, 3> white) {
    store(data / "labels/01.png", [&] {
      support::Image image{height, width, {}};
      for (const auto on : pattern(1).on) {
        const auto& colour = on ? white : black;
        image.rgb.insert(image.rgb.end(), colour.begin(), colour.end());
      }
      std::fill_n(image.rgb.begin(), 3, pattern(1).on[0] ? 254 : 1);  // a third value
      return image;
    }());
  };
  label({64, 0, 64}, {191, 255, 200});
  CHECK(read().label == pattern(1));
  label({0, 65, 0}, {255, 255, 255});
  check_names(error_of(read), {(data / "labels/01.png").string(), "(0, 65, 0)"});
  label({0, 0, 0}, {255, 190, 255});
  check_names(error_of(read), {(data / "labels/01.png").string(), "(255, 190, 255)"});
  label({0, 0, 0}, {255, 0, 0});  // red is neither
  check_names(error_of(read), {"(255, 0, 0)"});

  label({0, 0, 0}, {255, 255, 255});
  store(data / "masks/1.png", picture(1));
  check_names(error_of(read), {(data / "masks/1.png").string()});
}

TEST_CASE("scale: extents are rounded, masks take their nearest pixel") {
  const TemporaryFolder data;
  store(data / "images/1.png", picture(1, 11, 9));
  store(data / "labels/1.png", pattern(1, 11, 9));
  store(data / "labels2/1.png", pattern(2, 11, 9));
  store(data / "masks/1.png", pattern(3, 11, 9));
  const auto fundus = read_fundus(find_fundus(data.path(), "plain", Part::train).at(0), 0.5);
  REQUIRE(fundus.image.height == 6);  // 5.5, away from zero
  REQUIRE(fundus.image.width == 5);
  CHECK(fundus.image.rgb.size() == 6 * 5 * 3);
  for (const auto& [mask, seed] :
       {std::pair{fundus.label, 1}, {*fundus.second, 2}, {fundus.field_of_view, 3}}) {
    const auto whole = pattern(seed, 11, 9);
    REQUIRE(mask.on.size() == 30);
    for (int y = 0; y < 6; ++y) {
      for (int x = 0; x < 5; ++x) {
        const auto row = std::size_t((y + 0.5) * 11 / 6), column = std::size_t((x + 0.5) * 9 / 5);
        CHECK(mask.on[std::size_t(y * 5 + x)] == whole.on[row * 9 + column]);
      }
    }
  }
}

TEST_CASE("halved, every mask pixel is one of its four; doubled, it is back") {
  const auto mask = pattern(4, 8, 6);
  CHECK(resized(resized(mask, 16, 12), 8, 6) == mask);
  CHECK(resized(mask, 8, 6) == mask);
  const auto half = resized(mask, 4, 3);
  for (int y = 0; y < 4; ++y) {
    for (int x = 0; x < 3; ++x)
      CHECK(half.on[std::size_t(y * 3 + x)] == mask.on[std::size_t((2 * y + 1) * 6 + 2 * x + 1)]);
  }
}

TEST_CASE("an image is antialiased, not moved, and keeps a constant colour") {
  support::Image board{64, 64, {}}, ramp{64, 64, {}}, flat{15, 21, {}};
  for (int y = 0; y < 64; ++y) {
    for (int x = 0; x < 64; ++x) {
      board.rgb.insert(board.rgb.end(), 3, (x + y) % 2 ? 200 : 100);
      ramp.rgb.insert(ramp.rgb.end(), 3, std::uint8_t(40 + 2 * x));
    }
  }
  for (int i = 0; i < 15 * 21; ++i) flat.rgb.insert(flat.rgb.end(), {200, 90, 10});

  const auto grey = resized(board, 16, 16), lower = resized(ramp, 32, 32), small = resized(flat, 7, 13);
  for (const auto value : grey.rgb) CHECK(std::abs(value - 150) <= 1);
  for (int x = 4; x < 28; ++x)  // output pixel x is centred between the pixels 2x and 2x + 1
    CHECK(std::abs(lower.rgb[std::size_t(16 * 32 + x) * 3] - (40 + 4 * x + 1)) <= 1);
  for (std::size_t i = 0; i < small.rgb.size(); ++i) CHECK(small.rgb[i] == flat.rgb[i % 3]);
  CHECK(resized(ramp, 64, 64).rgb == ramp.rgb);
}

TEST_CASE("the field of view is the bright disc with its dark spots, without what shines in the frame") {
  const int h = 120, w = 140;
  support::Image image{h, w, {}};
  Mask disc{h, w, {}};
  for (int y = 0; y < h; ++y) {
    for (int x = 0; x < w; ++x) {
      const double r = std::hypot(y - 60.0, x - 68.0);
      const bool inside = r < 62;  // the frame cuts it off above and below
      const bool vessel = (std::abs(x - 80) < 3 && y > 20 && y < 90) || std::hypot(y - 70.0, x - 40.0) < 9;
      const bool text = y > 3 && y < 8 && x > 2 && x < 9;
      disc.on.push_back(inside);
      const int red = text ? 250 : !inside ? (x * y) % 9 : vessel ? 6 : 170 - int(r);
      image.rgb.insert(image.rgb.end(), {std::uint8_t(red), std::uint8_t(red / 3), 4});
    }
  }
  const auto found = field_of_view_of(image);
  REQUIRE(found.on.size() == disc.on.size());
  double both = 0, either = 0;
  for (std::size_t i = 0; i < disc.on.size(); ++i) {
    both += found.on[i] && disc.on[i];
    either += found.on[i] || disc.on[i];
  }
  CHECK(both / either > 0.995);
  CHECK_FALSE(found.on[5 * w + 5]);
  CHECK(found.on[70 * w + 40]);

  const support::Image bright{4, 5, Bytes(60, 130)};
  CHECK(field_of_view_of(bright) == Mask{4, 5, Bytes(20, 1)});
}

TEST_CASE("of_patients takes numbers and ranges") {
  auto files = files_of_patients({1, 2, 3, 4, 7, 9, 9, 10});
  CHECK(of_patients(files, "").size() == 8);
  CHECK(patients_of(of_patients(files, "1-4")) == std::set{1, 2, 3, 4});
  CHECK(of_patients(files, "9,10").size() == 3);  // both files of patient 9
  CHECK(patients_of(of_patients(files, "1-3,7")) == std::set{1, 2, 3, 7});
  CHECK(names_of(of_patients(files, "7,2,2-3")) == std::vector<std::string>{"2", "3", "7"});

  check_names(error_of([&] { of_patients(files, "4-8"); }), {"no patient 5", "1, 2, 3, 4, 7, 9, 10"});
  check_names(error_of([&] { of_patients(files, "1-2000000000"); }), {"no patient 5"});
  for (const std::string list : {"a", "1-", "-3", "3-1", "1,,2", "1,", "1.5", " 1", "99999999999"})
    check_names(error_of([&] { of_patients(files, list); }), {"such as 1-8 or 1-3,7", "got " + list});
}

TEST_CASE("split_by_patient keeps patients whole, holds out evenly spaced ones and is the same every time") {
  std::vector<FundusFiles> files;
  for (int p = 1; p <= 20; ++p) {
    for (const std::string eye : {"L", "R"}) files.push_back({.name = std::to_string(p) + eye, .patient = p});
  }
  const auto [train, validation] = split_by_patient(files, 0.2);
  CHECK(train.size() == 32);
  CHECK(patients_of(validation) == std::set{3, 8, 13, 18});
  CHECK(names_of(validation).front() == "3L");
  for (const auto& f : validation) CHECK_FALSE(patients_of(train).contains(f.patient));
  CHECK(names_of(split_by_patient(files, 0.2).train) == names_of(train));

  CHECK(split_by_patient(files, 0).validation.empty());
  CHECK(split_by_patient(files, 0).train.size() == 40);
  CHECK(patients_of(split_by_patient(files, 1e-6).validation).size() == 1);
  CHECK(patients_of(split_by_patient(files, 0.999).train).size() == 1);
  CHECK(split_by_patient(files_of_patients({5}), 0.5).train.size() == 1);
  CHECK(split_by_patient({}, 0.5).validation.empty());
  for (const double fraction : {-0.1, 1.0, std::nan("")})
    CHECK_THROWS_AS(split_by_patient(files, fraction), cnf::Error);
}
