#include "vessel_segmentation/synthesize.hpp"

#include <algorithm>
#include <cmath>
#include <string>

#include "cnf/core/error.hpp"
#include "support/doctest.hpp"
#include "support/error_of.hpp"
#include "support/file_size_limit.hpp"
#include "support/temporary_folder.hpp"
#include "vessel_segmentation/commands.hpp"

namespace fs = std::filesystem;
using namespace vessel_segmentation;

namespace {

bool same(const Fundus& a, const Fundus& b) {
  return a.image.rgb == b.image.rgb && a.label == b.label && a.field_of_view == b.field_of_view &&
         a.second == b.second;
}

double count(const Mask& mask) {
  double sum = 0;
  for (const auto on : mask.on) sum += on;
  return sum;
}

double dice(const Mask& a, const Mask& b) {
  double both = 0;
  for (std::size_t i = 0; i < a.on.size(); ++i) both += a.on[i] && b.on[i];
  return 2 * both / (count(a) + count(b));
}

bool is_inside(const Mask& part, const Mask& whole) {
  for (std::size_t i = 0; i < part.on.size(); ++i) {
    if (part.on[i] && !whole.on[i]) return false;
  }
  return true;
}

struct Greens {
  double vessels = 0, beside = 0;
};

/// Mean green of the vessels, and of what lies within three pixels of them.
Greens greens_of(const Fundus& fundus) {
  const auto& [height, width, on] = fundus.label;
  Greens sum, n;
  for (int y = 3; y < height - 3; ++y) {
    for (int x = 3; x < width - 3; ++x) {
      const auto i = std::size_t(y * width + x);
      bool is_near = false;
      for (int k = 0; k < 49; ++k) is_near |= on[std::size_t((y + k / 7 - 3) * width + x + k % 7 - 3)] == 1;
      if (!is_near || !fundus.field_of_view.on[i]) continue;
      (on[i] ? sum.vessels : sum.beside) += fundus.image.rgb[3 * i + 1];
      (on[i] ? n.vessels : n.beside) += 1;
    }
  }
  return {sum.vessels / n.vessels, sum.beside / n.beside};
}

}  // namespace

TEST_CASE("an image is a function of seed and number") {
  const SynthesisOptions small{.height = 96, .width = 96, .seed = 5};
  const auto first = synthesize(small, 3);
  CHECK(first.name == "03");
  CHECK(first.patient == 3);
  CHECK(same(first, synthesize(small, 3)));
  CHECK_FALSE(first.label == synthesize(small, 4).label);
  CHECK_FALSE(first.label == synthesize({.height = 96, .width = 96, .seed = 6}, 3).label);
  CHECK_FALSE(first.image.rgb == synthesize(small, 4).image.rgb);
}

TEST_CASE("size: a disc in the middle of any frame, the same eye in more detail") {
  const auto wide = synthesize({.height = 100, .width = 140}, 1);
  CHECK(wide.image.height == 100);
  CHECK(wide.image.width == 140);
  CHECK(wide.label.on.size() == 100 * 140);
  CHECK(wide.image.rgb.size() == 100 * 140 * 3);
  CHECK(wide.field_of_view.on[50 * 140 + 70] == 1);
  CHECK(wide.field_of_view.on[50 * 140 + 15] == 0);
  CHECK(count(wide.field_of_view) == doctest::Approx(3.1416 * 48 * 48).epsilon(0.01));

  const auto large = synthesize({.height = 600, .width = 600}, 2), small = synthesize({}, 2);
  CHECK(dice(resized(large.label, 300, 300), small.label) > 0.9);

  CHECK_THROWS_AS(synthesize({.height = 31, .width = 300}, 1), cnf::Error);
  CHECK_THROWS_AS(synthesize({.height = 300, .width = 5000}, 1), cnf::Error);
}

TEST_CASE("vessels: a share as in real eyes, inside the field of view, and darker than their surroundings") {
  for (int number = 1; number <= 12; ++number) {
    CAPTURE(number);
    const int size = number % 2 ? 300 : 128;
    const auto fundus = synthesize({.height = size, .width = size}, number);
    const double share = count(fundus.label) / count(fundus.field_of_view);
    CHECK(share > 0.08);
    CHECK(share < 0.13);
    CHECK(is_inside(fundus.label, fundus.field_of_view));
    const auto green = greens_of(fundus);
    CHECK(green.vessels < (size == 300 ? 0.94 : 1.0) * green.beside);
    CHECK(green.vessels > 0.75 * green.beside);  // not as easy as ink on paper

    REQUIRE(fundus.second.has_value());
    CHECK(is_inside(*fundus.second, fundus.field_of_view));
    CHECK(dice(fundus.label, *fundus.second) > 0.74);
    CHECK(dice(fundus.label, *fundus.second) < 0.86);
    CHECK_FALSE(is_inside(*fundus.second, fundus.label));  // other borders, not only misses
  }
}

TEST_CASE("the frame is dark, and the disc is found in the image") {
  const auto fundus = synthesize({}, 1);
  double brightest = 0;
  for (std::size_t i = 0; i < fundus.field_of_view.on.size(); ++i) {
    // within a pixel or two of the border the optics mix both
    const int y = int(i) / 300, x = int(i) % 300;
    if (std::hypot(y - 149.5, x - 149.5) < 147) continue;
    for (std::size_t c = 0; c < 3; ++c) brightest = std::max(brightest, double(fundus.image.rgb[3 * i + c]));
  }
  CHECK(brightest < 15);
  CHECK(dice(field_of_view_of(fundus.image), fundus.field_of_view) > 0.99);
}

TEST_CASE("a written data set is read back exactly") {
  const TemporaryFolder folder;
  const SynthesisOptions options{.height = 64, .width = 80, .seed = 9};
  write_data_set(folder / "deep/data", 3, options);
  const auto files = find_fundus(folder / "deep/data", "plain", Part::train);
  REQUIRE(files.size() == 3);
  for (int number = 1; number <= 3; ++number) {
    const auto back = read_fundus(files[std::size_t(number - 1)]);
    const auto made = synthesize(options, number);
    CHECK(back.name == made.name);
    CHECK(back.patient == made.patient);
    CHECK(same(back, made));
  }
}

TEST_CASE("a folder with files is refused, an empty one is not") {
  const TemporaryFolder folder;
  fs::create_directories(folder / "images");
  write_data_set(folder.path(), 1, {.height = 64, .width = 64});
  const auto before = fs::last_write_time(folder / "labels/01.png");
  for (const char* kept : {"images", "labels2"}) {
    for (const char* name : {"images", "labels", "masks", "labels2"}) {
      if (name != std::string(kept)) fs::remove_all(folder / name);
    }
    const auto error = error_of([&] { write_data_set(folder.path(), 1, {.height = 64, .width = 64}); });
    CHECK(error == "expected a new folder, but " + (folder / kept).string() + " is not empty");
    CHECK(folder.entries() == 1);
    fs::remove_all(folder / kept);
    write_data_set(folder.path(), 1, {.height = 64, .width = 64});
  }
  CHECK(fs::last_write_time(folder / "labels/01.png") >= before);
}

TEST_CASE("the command writes what its options say, and refuses numbers that make no sense") {
  const TemporaryFolder folder;
  const auto run = [&](const std::string& options) {
    CLI::App app;
    add_synthesize(app);
    app.parse("synthesize --out " + (folder / "data").string() + " " + options);
  };
  for (const char* wrong : {"--count 0", "--count x", "--size -3", "--seed -1"}) {
    CAPTURE(wrong);
    CHECK_THROWS_AS(run(wrong), CLI::ParseError);
  }
  CHECK_THROWS_AS(run("--size 20"), cnf::Error);
  CHECK(folder.entries() == 0);

  run("--count 2 --seed 4 --size 64");
  const auto files = find_fundus(folder / "data", "plain", Part::train);
  REQUIRE(files.size() == 2);
  CHECK(same(read_fundus(files[1]), synthesize({.height = 64, .width = 64, .seed = 4}, 2)));
}

TEST_CASE("what stops the writing leaves a whole data set of fewer images") {
  const TemporaryFolder folder;
  struct Stop {};
  int left = 2;
  CHECK_THROWS_AS(write_data_set(folder.path(), 5, {.height = 64, .width = 64},
                                 [&] {
                                   if (left-- == 0) throw Stop{};
                                 }),
                  Stop);
  CHECK(find_fundus(folder.path(), "plain", Part::train).size() == 2);
}

TEST_CASE("a full disk leaves no half of an image's files") {
  const TemporaryFolder folder;
  {
    const FileSizeLimit limit(4000);  // enough for masks, not for the photograph
    CHECK_THROWS_AS(write_data_set(folder.path(), 1, {.height = 64, .width = 64}), cnf::Error);
  }
  for (const char* name : {"images", "labels", "masks", "labels2"})
    CHECK((!fs::exists(folder / name) || fs::is_empty(folder / name)));
  CHECK_THROWS_AS(write_data_set(folder / "new", 1, {.height = 3, .width = 3}), cnf::Error);
  CHECK_FALSE(fs::exists(folder / "new"));
}
