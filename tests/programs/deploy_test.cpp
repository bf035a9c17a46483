// The program that runs trained models without LibTorch, as a user starts it: the same samples and bits as the
// programs that trained them.
#include <cmath>
#include <fstream>

#include "programs/super_resolution.hpp"
#include "programs/vessel_segmentation.hpp"
#include "super_resolution/model.hpp"
#include "super_resolution/photographs.hpp"
#include "support/doctest.hpp"
#include "vessel_segmentation/augment.hpp"
#include "vessel_segmentation/model.hpp"

namespace {

namespace fs = std::filesystem;

/// A PPM of an image, with a comment in its header.
fs::path as_ppm(const fs::path& path, const support::Image& image) {
  std::ofstream out(path, std::ios::binary);
  out << "P6\n# of a test\n" << image.width << " " << image.height << "\n255\n";
  out.write(reinterpret_cast<const char*>(image.rgb.data()), std::streamsize(image.rgb.size()));
  return path;
}

/// The bytes of a PGM or PPM that deploy wrote.
struct Pnm {
  std::string magic;
  int width = 0, height = 0, largest = 0;
  std::vector<std::uint8_t> bytes;

  explicit Pnm(const fs::path& path) {
    std::ifstream in(path, std::ios::binary);
    in >> magic >> width >> height >> largest;
    in.get();
    bytes.assign(std::istreambuf_iterator<char>(in), {});
  }
};

Finished deploy(Arguments arguments) {
  arguments.insert(arguments.begin(), CNF_BIN_DIR "/deploy");
  return run(arguments);
}

/// The number before a word of a program's output.
double number_before(const std::string& text, const std::string& word) {
  const auto end = text.find(word);
  REQUIRE(end != std::string::npos);
  return std::stod(text.substr(text.rfind(' ', end - 2) + 1));
}

/// The part of bytes that differ, 1 where there are not as many.
template <class A, class B>
double differing(const A& a, const B& b) {
  if (a.size() != b.size()) return 1;
  std::size_t n = 0;
  for (std::size_t i = 0; i < a.size(); ++i) n += a[i] != b[i];
  return double(n) / double(a.size());
}

}  // namespace

TEST_CASE("a trained super-resolution model gives the same samples and bits as with LibTorch") {
  const TemporaryFolder folder;
  const auto low = photograph(19, 25, 3), high = photograph(37, 50, 3);
  support::write_image(folder / "low.png", low);
  const auto done =
      deploy({trained().cnf, as_ppm(folder / "low.ppm", low), folder / "out", "--count", "2", "--temperature",
              "0.7", "--seed", "7", "--target", as_ppm(folder / "high.ppm", high)});
  CAPTURE(done.err);
  REQUIRE(done.status == 0);
  REQUIRE(run(sampling(trained().cnf, folder / "low.png", folder / "sample.png",
                       {"--count", "2", "--temperature", "0.7", "--seed", "7"}))
              .status == 0);
  for (const std::string i : {"1", "2"}) {
    const Pnm ours(folder / "out" / ("sample-" + i + ".ppm"));
    const auto torch = support::read_image(folder / ("sample-" + i + ".png"));
    CHECK(ours.magic == "P6");
    CHECK(ours.width == 50);
    CHECK(ours.height == 38);
    CHECK(differing(ours.bytes, torch.rgb) < 0.01);  // where rounding crosses an integer
  }
  CHECK(Pnm(folder / "out" / "mean.ppm").bytes.size() == 3 * 50 * 38);
  CHECK(Pnm(folder / "out" / "uncertainty.pgm").bytes.size() == 50 * 38);

  const at::NoGradGuard no_grad;
  const auto model = super_resolution::open_model(trained().cnf, {});
  const auto bits =
      model->bits_per_dim(super_resolution::to_tensor(low), super_resolution::to_tensor(high), {.seed = 7});
  CHECK(number_before(done.out, " bits per dimension (bound)") ==
        doctest::Approx(bits.item<double>()).epsilon(1e-4));
}

TEST_CASE("a trained vessel model gives the same masks, mean and bits as with LibTorch") {
  const TemporaryFolder folder;
  const auto fundus = vessel_segmentation::synthesize({.height = 46, .width = 43, .seed = 5}, 1);
  support::write_image(folder / "eye.png", fundus.image);
  as_ppm(folder / "eye.ppm", fundus.image);
  as_ppm(folder / "label.ppm", vessel_segmentation::to_image(fundus.label));
  for (const auto& checkpoint : {trained_vessels().cnf, trained_vessels().bernoulli}) {
    const auto done = deploy({checkpoint, folder / "eye.ppm", folder / "out", "--count", "3", "--seed", "2",
                              "--target", folder / "label.ppm"});
    CAPTURE(done.err);
    REQUIRE(done.status == 0);
    REQUIRE(run(vessel_segmentation_command({"sample", "--checkpoint", checkpoint, "--input",
                                             folder / "eye.png", "--out", folder / "torch", "--count", "3",
                                             "--seed", "2", "--threads", "1"}))
                .status == 0);
    for (const std::string name : {"sample-1", "sample-2", "sample-3", "mean"}) {
      CAPTURE(name);
      const Pnm ours(folder / "out" / (name + ".pgm"));
      const auto torch = support::read_image(folder / "torch" / (name + ".png"));
      CHECK(ours.magic == "P5");
      std::vector<std::uint8_t> grey;
      for (std::size_t i = 0; i < torch.rgb.size(); i += 3) grey.push_back(torch.rgb[i]);
      CHECK(differing(ours.bytes, grey) < 0.01);
    }
    const at::NoGradGuard no_grad;
    const auto bits = vessel_segmentation::open_model(checkpoint, {})
                          ->bits(vessel_segmentation::to_input(
                                     fundus.image, vessel_segmentation::field_of_view_of(fundus.image)),
                                 vessel_segmentation::to_target(fundus.label), {.seed = 2});
    CHECK(number_before(done.out, " bits per dimension (") ==
          doctest::Approx(bits.per_image.item<double>() / (46 * 43)).epsilon(1e-3));

    // the same label as 0 and 1, of 8 and of 16 bits
    for (const int largest : {255, 65535}) {
      std::string pixels = "P5 43 46 " + std::to_string(largest) + "\n";
      for (const auto on : fundus.label.on) pixels += (largest > 255 ? std::string(1, '\0') : "") + char(on);
      write_text(folder / "classes.pgm", pixels);
      const auto again = deploy({checkpoint, folder / "eye.ppm", folder / "again", "--count", "1", "--seed",
                                 "2", "--target", folder / "classes.pgm"});
      CHECK_MESSAGE(again.status == 0, again.err);
      CHECK(number_before(again.out, " bits per dimension (") ==
            number_before(done.out, " bits per dimension ("));
    }
  }
}

TEST_CASE("what is wrong with a command line or a file is one line on stderr, and nothing is written") {
  const TemporaryFolder folder;
  const auto image = as_ppm(folder / "low.ppm", photograph(8, 10, 1));
  const auto out = folder / "out";
  write_text(folder / "short.ppm", "P6 4 4 255\nabc");
  write_text(folder / "deep.pgm", "P5 4 4 65535\nabc");
  write_text(folder / "text", "no image");
  const auto wrong = [&](const Arguments& arguments, const std::string& expected) {
    const auto done = deploy(arguments);
    CAPTURE(expected);
    CHECK(done.status == 2);
    CHECK(done.err == "deploy: " + expected + "\n");
    CHECK_FALSE(fs::exists(out));
  };
  const std::string model = trained().cnf, short_file = folder / "short.ppm", deep = folder / "deep.pgm",
                    text = folder / "text", none = folder / "none";
  wrong({model, image, out, "--count", "0"}, "--count: expected a number of 1 .. 1000000, got 0");
  wrong({model, image, out, "--seed", "-1"},
        "--seed: expected a number of 0 .. 18446744073709551615, got -1");
  wrong({model, image, out, "--count"}, "--count: expected a value");
  wrong({model, image, out, "--size", "3"}, "no option --size: see deploy --help");
  wrong({model, none, out}, "cannot read " + none + ": No such file or directory");
  wrong({model, text, out}, "cannot read " + text + ": expected a binary PGM or PPM image (P5 or P6)");
  wrong({model, short_file, out}, "cannot read " + short_file + ": expected 48 bytes of pixels, got 3");
  wrong({model, deep, out}, "cannot read " + deep + ": expected 32 bytes of pixels, got 3");
  wrong({none, image, out}, "cannot read " + none + ": No such file or directory");
  const std::string label = as_ppm(folder / "label.ppm", photograph(9, 10, 1));
  wrong({std::string(trained_vessels().cnf), image, out, "--target", label},
        "expected " + label + " to have the size of the photograph, 10x8, got 10x9");
  write_text(out, "in the way");
  const auto blocked = deploy({model, image, out});
  CHECK(blocked.status == 2);
  CHECK(blocked.err.starts_with("deploy: "));
  CHECK(content(out) == "in the way");
  CHECK(deploy({}).status == 2);
  CHECK(deploy({"--help"}).status == 0);
}

TEST_CASE("it links nothing but the languages' and OpenMP's own libraries") {
  const auto done = run({"/usr/bin/readelf", "-d", CNF_BIN_DIR "/deploy"});
  REQUIRE(done.status == 0);
  int libraries = 0;
  for (const auto& line : lines_of(done.out)) {
    if (!contains(line, "(NEEDED)")) continue;
    ++libraries;
    CAPTURE(line);
    bool expected = false;
    for (const char* known : {"libstdc++", "libm.", "libgcc_s", "libc.", "libgomp", "ld-linux"})
      expected = expected || contains(line, known);
    CHECK(expected);
  }
  CHECK(libraries > 0);
}
