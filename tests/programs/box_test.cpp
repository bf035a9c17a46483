// The trained models that come with the programs: numbers that would change if a layer did.
#include <ATen/ATen.h>
#include <OpenImageIO/imagebuf.h>
#include <OpenImageIO/imagebufalgo.h>

#include <algorithm>
#include <array>

#include "cnf/metrics/components.hpp"
#include "cnf/metrics/precision_recall.hpp"
#include "cnf/metrics/psnr.hpp"
#include "cnf/metrics/sample_summary.hpp"
#include "cnf/metrics/specks.hpp"
#include "programs/super_resolution.hpp"
#include "super_resolution/graphics.hpp"
#include "super_resolution/model.hpp"
#include "super_resolution/photographs.hpp"
#include "super_resolution/resize.hpp"
#include "support/doctest.hpp"
#include "support/font.hpp"
#include "vessel_segmentation/augment.hpp"
#include "vessel_segmentation/model.hpp"
#include "vessel_segmentation/synthesize.hpp"

namespace {

using namespace super_resolution;
using support::Image;

const AnyModel& small() {
  static const auto model = open_model(CNF_SOURCE_DIR "/examples/super_resolution/small.safetensors", {});
  return *model;
}

double bits(const Image& high) {
  const at::NoGradGuard no_grad;
  return small().bits_per_dim(to_tensor(imresize(high, 0.5)), to_tensor(high), {.seed = 1}).item<double>();
}

Image sample(const Image& low, double temperature) {
  Image result;
  small().sample(to_tensor(low), {{.temperature = temperature, .seed = 1}},
                 [&](std::size_t, at::Tensor y) { result = to_image(y[0]); });
  return result;
}

TEST_CASE("the small model in the box: bits and decibels of pictures that anyone can make") {
  struct Case {
    const char* name;
    Image high;
    double bits, psnr;
  };
  // graphics number 2, 3 and 4 have no text, so no font
  for (const auto& [name, high, expected_bits, expected_psnr] :
       {Case{"a smooth photograph", photograph(96, 128, 1), 1.21334, 57.573},
        Case{"lines, boxes and discs", drawn_graphic(5, 2, 96), 3.19116, 24.110},
        Case{"checkers and stripes", drawn_graphic(5, 3, 96), 4.06544, 13.982}}) {
    CAPTURE(name);
    const auto low = imresize(high, 0.5);
    const auto mode = sample(low, 0);
    CHECK(bits(high) == doctest::Approx(expected_bits).epsilon(0.005));
    CHECK(cnf::metrics::psnr_y(mode.view(), high.view()) == doctest::Approx(expected_psnr).epsilon(0.005));
  }
}

/// Discs and a bar in pure colours, where models that saw photographs alone break.
Image logo() {
  Image image{128, 128, {}};
  for (int y = 0; y < 128; ++y)
    for (int x = 0; x < 128; ++x) {
      const int far = (y - 64) * (y - 64) + (x - 64) * (x - 64);
      std::array<std::uint8_t, 3> colour{0, 90, 255};
      if (far < 50 * 50) colour = {255, 200, 0};
      if (far < 30 * 30) colour = {255, 0, 0};
      if (x > 59 && x < 68) colour = {255, 255, 255};
      image.rgb.insert(image.rgb.end(), colour.begin(), colour.end());
    }
  return image;
}

/// A white word on blue.
Image word() {
  OIIO::ImageBuf canvas(OIIO::ImageSpec(160, 64, 3, OIIO::TypeDesc::UINT8));
  OIIO::ImageBufAlgo::fill(canvas, {0.1F, 0.2F, 0.8F});
  REQUIRE(OIIO::ImageBufAlgo::render_text(canvas, 14, 44, "Flows", 40, "DejaVuSans", {1.0F, 1.0F, 1.0F}));
  Image image{64, 160, std::vector<std::uint8_t>(64 * 160 * 3)};
  canvas.get_pixels(OIIO::ROI::All(), OIIO::TypeDesc::UINT8, image.rgb.data());
  return image;
}

/// Squares of 2x2 pixels that lie on the pixels of the half.
Image checkers(const std::array<std::uint8_t, 3>& one, const std::array<std::uint8_t, 3>& other) {
  Image image{96, 96, {}};
  for (int y = 0; y < 96; ++y)
    for (int x = 0; x < 96; ++x) {
      const auto& colour = (y / 2 + x / 2) % 2 == 0 ? one : other;
      image.rgb.insert(image.rgb.end(), colour.begin(), colour.end());
    }
  return image;
}

TEST_CASE("a checkerboard of 2x2 squares comes back, at temperature 0.8 but for a pixel in a thousand") {
  for (const auto& high : {checkers({0, 0, 0}, {255, 255, 255}), checkers({0, 90, 255}, {255, 200, 0})})
    for (const double temperature : {0.0, 0.8}) {
      CAPTURE(temperature);
      const auto drawn = sample(imresize(high, 0.5), temperature);
      int wrong = 0;
      for (std::size_t i = 0; i < high.rgb.size(); i += 3) {
        int off = 0;
        for (std::size_t c = i; c < i + 3; ++c) off = std::max(off, std::abs(high.rgb[c] - drawn.rgb[c]));
        wrong += off > 64;
      }
      CHECK(wrong <= (temperature == 0 ? 0 : 96 * 96 / 1000));
    }
}

TEST_CASE("white stays white at the border of odd sizes") {
  const auto low = Image{33, 33, std::vector<std::uint8_t>(33 * 33 * 3, 255)};
  const auto high = sample(low, 0);
  REQUIRE(high.width == 66);
  CHECK(*std::min_element(high.rgb.begin(), high.rgb.end()) >= 250);
}

TEST_CASE(
    "its samples have no speck in a photograph, few at hard edges of pure colours, and stay their input") {
  const auto check = [](const Image& high, double temperature, std::int64_t most) {
    CAPTURE(temperature);
    const auto low = imresize(high, 0.5), drawn = sample(low, temperature);
    CHECK(cnf::metrics::specks(drawn.view(), high.view(), imresize(low, 2).view()) <= most);
    CHECK(cnf::metrics::psnr_rgb(imresize(drawn, 0.5).view(), low.view()) > 35);
  };
  for (const double temperature : {0.0, 0.8, 1.0}) check(photograph(96, 128, 1), temperature, 0);
  check(logo(), 0, 128 * 128 / 2000);
  check(logo(), 0.8, 128 * 128 / 200);
  check(logo(), 1, 128 * 128 / 100);
  if (!support::has_font("DejaVuSans", "no test of a word")) return;
  check(word(), 0, 0);
  check(word(), 0.8, 64 * 160 / 2000);
}

TEST_CASE("the vessel model in the box: bits, F and specks of eyes that nobody has") {
  namespace vessels = vessel_segmentation;
  const auto model =
      vessels::open_model(CNF_SOURCE_DIR "/examples/vessel_segmentation/affine.safetensors", {});
  const auto resolution =
      vessels::resolution_of(CNF_SOURCE_DIR "/examples/vessel_segmentation/affine.safetensors");
  CHECK(resolution.scale == 0.5);
  CHECK(resolution.across > 400);

  const auto eye = vessels::synthesize({.height = 240, .width = 240, .seed = 5}, 1);
  const auto x = vessels::to_input(eye.image, eye.field_of_view);
  const at::NoGradGuard no_grad;
  const double bits = model->bits(x, vessels::to_target(eye.label), {.seed = 1}).per_image.item<double>();
  CHECK(bits == doctest::Approx(2525.83).epsilon(0.01));

  cnf::metrics::SampleSummary summary({.elements = eye.label.on.size(), .low = 0, .high = 1, .bins = 2});
  cnf::metrics::Components parts;
  model->sample(x, 8, {.seed = 1}, [&](long, const at::Tensor& sample) {
    const auto values = vessels::floats(sample);
    summary.add(values);
    parts += cnf::metrics::components(std::vector<std::uint8_t>(values.begin(), values.end()), 240, 240);
  });
  cnf::metrics::PrecisionRecall curve;
  curve.add(summary.mean(), eye.label.on, eye.field_of_view.on);
  CHECK(curve.best().f == doctest::Approx(0.7158).epsilon(0.02));
  CHECK(parts.share() < 0.1);
}

}  // namespace
