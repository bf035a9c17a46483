#include "synthesize.hpp"

#include <OpenImageIO/imagebuf.h>
#include <OpenImageIO/imagebufalgo.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <memory>

#include "cnf/core/error.hpp"
#include "cnf/noise/noise.hpp"
#include "commands.hpp"
#include "growth.hpp"
#include "support/program.hpp"

namespace vessel_segmentation {

namespace fs = std::filesystem;

namespace {

using namespace synthesis;

enum class Purpose : std::uint32_t {
  eye,
  vessels,
  colours,
  shading,
  texture,
  grain,
  threads,
  clearness,
  sensor,
  grader,
  border
};

cnf::NoiseKey key_for(const SynthesisOptions& options, int number, Purpose purpose) {
  return {.seed = options.seed, .input = std::uint32_t(number), .draw = std::uint32_t(purpose)};
}

/// Noise that is smooth over about `cell` units, of variance about 1: a cubic B-spline on a lattice.
class SmoothNoise {
 public:
  SmoothNoise(const cnf::NoiseKey& key, double cell, double reach)
      : cell_(cell), reach_(reach), extent_(std::size_t(2 * reach / cell) + 5), heights_(extent_ * extent_) {
    key.fill(heights_.data(), heights_.size(), cnf::Distribution::normal, 2.1);
  }

  double operator()(Point at) const {
    const auto [row, wy] = taps(at.y);
    const auto [column, wx] = taps(at.x);
    double sum = 0;
    for (std::size_t i = 0; i < 4; ++i) {
      for (std::size_t j = 0; j < 4; ++j) sum += wy[i] * wx[j] * heights_[(row + i) * extent_ + column + j];
    }
    return sum;
  }

 private:
  struct Taps {
    std::size_t first;
    std::array<double, 4> weights;
  };
  Taps taps(double at) const {
    const double place = std::clamp((at + reach_) / cell_, 0.0, double(extent_ - 4) - 1e-9);
    const double whole = std::floor(place), t = place - whole, s = 1 - t;
    return {std::size_t(whole),
            {s * s * s / 6, (3 * t * t * t - 6 * t * t + 4) / 6, (3 * s * s * s - 6 * s * s + 4) / 6,
             t * t * t / 6}};
  }

  double cell_, reach_;
  std::size_t extent_;
  std::vector<double> heights_;
};

struct Canvas {
  int height, width;

  double scale() const { return std::min(height, width) / 300.0; }  // pixels of a unit
  std::size_t count() const { return std::size_t(height) * std::size_t(width); }
  std::size_t index(int y, int x) const { return std::size_t(y) * std::size_t(width) + std::size_t(x); }
  Point unit(int y, int x) const {
    return {(y + 0.5 - 0.5 * height) / scale(), (x + 0.5 - 0.5 * width) / scale()};
  }
};

/// A pixel near a vessel, in pixels: `depth` below the border, negative outside.
struct Touch {
  std::size_t pixel;
  double depth, radius;
};

/// Every pixel within 1.5 pixels of the vessel, once.
class Pen {
 public:
  explicit Pen(const Canvas& canvas) : canvas_(canvas), slot_(canvas.count(), none) {}

  std::vector<Touch> trace(const Vessel& vessel) {
    std::vector<Touch> touches;
    const double scale = canvas_.scale();
    for (std::size_t i = 0; i + 1 < vessel.path.size(); ++i) {
      const auto [a, ra] = vessel.path[i];
      const auto [b, rb] = vessel.path[i + 1];
      const double margin = std::max(ra, rb) + 1.5 / scale;
      const auto [y0, y1] = pixels(std::min(a.y, b.y) - margin, std::max(a.y, b.y) + margin, canvas_.height);
      const auto [x0, x1] = pixels(std::min(a.x, b.x) - margin, std::max(a.x, b.x) + margin, canvas_.width);
      for (int y = y0; y < y1; ++y) {
        for (int x = x0; x < x1; ++x) {
          const Point along = b - a, to = canvas_.unit(y, x) - a;
          const double t = std::clamp((to.y * along.y + to.x * along.x) / squared(length(along)), 0.0, 1.0);
          const double radius = ra + t * (rb - ra), depth = (radius - length(to - t * along)) * scale;
          if (depth < -1.5) continue;
          const Touch touch{canvas_.index(y, x), depth, radius * scale};
          auto& slot = slot_[touch.pixel];
          if (slot == none) {
            slot = touches.size();
            touches.push_back(touch);
          } else if (depth > touches[slot].depth) {
            touches[slot] = touch;
          }
        }
      }
    }
    for (const auto& touch : touches) slot_[touch.pixel] = none;
    return touches;
  }

 private:
  struct Range {
    int first, end;
  };
  /// Those between two coordinates, of `count` in a row or column.
  Range pixels(double low, double high, int count) const {
    const auto place = [&](double c) { return c * canvas_.scale() + 0.5 * count; };
    return {std::clamp(int(std::floor(place(low))), 0, count),
            std::clamp(int(std::ceil(place(high))), 0, count)};
  }

  static constexpr auto none = std::size_t(-1);
  Canvas canvas_;
  std::vector<std::size_t> slot_;  // the touch of each pixel
};

using Touches = std::vector<std::vector<Touch>>;  // of each vessel

Mask field_of_view(const Canvas& canvas) {
  Mask mask{canvas.height, canvas.width, {}};
  for (int y = 0; y < canvas.height; ++y) {
    for (int x = 0; x < canvas.width; ++x) mask.on.push_back(length(canvas.unit(y, x)) <= view_radius);
  }
  return mask;
}

Mask label_of(const Touches& touches, const Mask& field_of_view) {
  Mask label{field_of_view.height, field_of_view.width, std::vector<std::uint8_t>(field_of_view.on.size())};
  for (const auto& vessel : touches) {
    for (const auto& [pixel, depth, radius] : vessel)
      label.on[pixel] |= depth >= 0 && field_of_view.on[pixel];
  }
  return label;
}

// ---- the second grader ------------------------------------------------------------------------------------

/// The vessels as someone else may mark them: with other borders, and without some of the thinnest.
Mask second_grader(const Touches& touches, const Mask& label, const Mask& field_of_view, const Canvas& canvas,
                   const SynthesisOptions& options, int number) {
  Random random(key_for(options, number, Purpose::grader));
  const double wanted = random.uniform(0.78, 0.83);
  const SmoothNoise border(key_for(options, number, Purpose::border), 3, view_radius);
  double labelled = 0;
  for (const auto on : label.on) labelled += on;

  std::vector<int> marks(label.on.size());  // how many vessels cover a pixel
  double marked = 0, common = 0;
  const auto mark = [&](std::size_t pixel, int change) {
    const bool before = marks[pixel] > 0;
    marks[pixel] += change;
    const int difference = int(marks[pixel] > 0) - int(before);
    marked += difference;
    common += difference * label.on[pixel];
  };
  const auto dice = [&] { return 2 * common / std::max(1.0, marked + labelled); };

  // Borders: as unsteady as leaves room for missed vessels.
  std::vector<std::vector<std::size_t>> drawn;
  for (double tremor = 0.7 * std::max(1.0, canvas.scale()); drawn.empty() || dice() < 0.86; tremor *= 0.8) {
    for (const auto& vessel : drawn) {
      for (const auto pixel : vessel) mark(pixel, -1);
    }
    drawn.clear();
    for (const auto& vessel : touches) {
      auto& pixels = drawn.emplace_back();
      for (const auto& [pixel, depth, radius] : vessel) {
        const auto y = int(pixel / std::size_t(canvas.width)), x = int(pixel % std::size_t(canvas.width));
        const bool is_axis = depth > radius - 0.7 && depth >= 0;  // a line without gaps
        if (field_of_view.on[pixel] && (is_axis || depth + tremor * border(canvas.unit(y, x)) >= 0))
          pixels.push_back(pixel);
      }
      for (const auto pixel : pixels) mark(pixel, 1);
    }
  }

  // Misses: the thinner, the sooner.
  std::vector<std::pair<double, std::size_t>> order;
  for (std::size_t i = 0; i < touches.size(); ++i) {
    double radius = 0;
    for (const auto& touch : touches[i]) radius += touch.radius / double(touches[i].size());
    order.emplace_back(radius * random.uniform(0.6, 1.4), i);
  }
  std::sort(order.begin(), order.end());
  for (const auto& [thickness, i] : order) {
    if (dice() <= wanted) break;
    for (const auto pixel : drawn[i]) mark(pixel, -1);
    if (dice() > wanted - 0.03) continue;
    for (const auto pixel : drawn[i]) mark(pixel, 1);  // nobody misses that one
  }
  Mask second{label.height, label.width, {}};
  for (const int count : marks) second.on.push_back(count > 0);
  return second;
}

// ---- the photograph ---------------------------------------------------------------------------------------

/// How much light each pixel's vessels take away, 0 to about 1.
std::vector<double> darkness_of(const std::vector<Vessel>& vessels, const Touches& touches,
                                const Canvas& canvas) {
  std::vector<double> darkness(canvas.count());
  for (std::size_t i = 0; i < vessels.size(); ++i) {
    for (const auto& [pixel, depth, radius] : touches[i]) {
      const double coverage = std::clamp(depth + 0.5, 0.0, 1.0);
      const double from_axis = std::clamp(1 - depth / radius, 0.0, 1.0);
      const double thickness = radius / canvas.scale();
      double dark = vessels[i].contrast * (1 - 0.3 * squared(from_axis));
      dark *= std::clamp(0.11 + 0.31 * thickness, 0.0, 1.0);  // blood is deeper in a thick vessel
      if (vessels[i].is_artery && thickness > 1)
        dark *= 1 - 0.35 * std::exp(-squared(from_axis / 0.35));  // reflex
      darkness[pixel] = std::max(darkness[pixel], coverage * dark);
    }
  }
  return darkness;
}

/// The optics: a Gaussian blur of `sigma` pixels.
std::vector<float> blurred(const std::vector<float>& rgb, const Canvas& canvas, double sigma) {
  const OIIO::ImageSpec spec(canvas.width, canvas.height, 3, OIIO::TypeDesc::FLOAT);
  std::vector<float> result(rgb.size());
  const OIIO::ImageBuf from(spec, const_cast<float*>(rgb.data()));
  OIIO::ImageBuf to(spec, result.data());
  const float width = float(4 * sigma);  // OpenImageIO measures a Gaussian so
  const auto kernel = OIIO::ImageBufAlgo::make_kernel("gaussian", width, width);
  if (!OIIO::ImageBufAlgo::convolve(to, from, kernel)) throw cnf::Error("cannot blur: " + to.geterror());
  return result;
}

support::Image photograph(const Eye& eye, const std::vector<double>& darkness, const Canvas& canvas,
                          const SynthesisOptions& options, int number) {
  using Colour = std::array<double, 3>;
  Random random(key_for(options, number, Purpose::colours));
  const Colour fundus{random.uniform(165, 215), random.uniform(52, 82), random.uniform(8, 26)};
  const Colour disc{random.uniform(238, 252), random.uniform(160, 190), random.uniform(66, 92)};
  const Colour absorbed{random.uniform(0.28, 0.4), random.uniform(0.5, 0.62), random.uniform(0.4, 0.5)};
  const double fovea_size = random.uniform(15, 22), fovea_depth = random.uniform(0.2, 0.4);
  const Point light{random.uniform(-60, 60), random.uniform(-60, 60)};  // where it is brightest
  const double vignette = random.uniform(0.2, 0.45), texture_strength = random.uniform(0.03, 0.07);
  const Point cup = eye.disc + Point{random.uniform(-2, 2), eye.temporal * random.uniform(1, 4)};
  // A small image is a large one made smaller, which has averaged the noise, and nothing finer than its pixels.
  const double small = std::min(1.0, canvas.scale()), pixel_size = 1 / canvas.scale();
  const double noise_level = random.uniform(3, 5.5) * std::max(0.3, small);
  const double reach = view_radius + 8;
  const SmoothNoise shading(key_for(options, number, Purpose::shading), 70, reach);
  const SmoothNoise texture(key_for(options, number, Purpose::texture), 11, reach);
  const SmoothNoise grain(key_for(options, number, Purpose::grain), std::max(3.2, 2 * pixel_size), reach);
  const SmoothNoise threads(key_for(options, number, Purpose::threads), std::max(17.0, 8 * pixel_size),
                            reach);
  const SmoothNoise clearness(key_for(options, number, Purpose::clearness), 25, reach);

  std::vector<float> rgb(3 * canvas.count());
  for (int y = 0; y < canvas.height; ++y) {
    for (int x = 0; x < canvas.width; ++x) {
      const Point at = canvas.unit(y, x);
      const double inside = std::clamp(view_radius - length(at), 0.0, 1.0);
      if (inside == 0) continue;
      const std::size_t pixel = canvas.index(y, x);
      double brightness = 1 + 0.07 * shading(at) - vignette * squared(length(at - light) / 1.3 / view_radius);
      brightness *= 1 - fovea_depth * std::exp(-0.5 * squared(length(at - eye.fovea) / fovea_size));
      // Light and dark patches, and threads that are no vessels.
      const double choroid = texture_strength * (texture(at) + 0.8 * grain(at)) -
                             0.06 * small * std::exp(-0.5 * squared(threads(at) / 0.12));
      const Point to_disc = at - eye.disc;
      const double from_disc = std::hypot(to_disc.y / 1.07, to_disc.x) / eye.disc_radius;
      const double in_disc = 1 / (1 + std::exp((from_disc - 1) * 14));
      const double glow = 0.25 * std::exp(-0.5 * squared(from_disc / 1.5));
      const double in_cup = 1 / (1 + std::exp((length(at - cup) / eye.disc_radius - 0.45) * 12));
      // Vessels stand out less over the bright disc and where the tissue above them is cloudy.
      const double dark =
          darkness[pixel] * (1 - 0.3 * in_disc) * std::clamp(0.9 + 0.2 * clearness(at), 0.4, 1.1);
      for (std::size_t c = 0; c < 3; ++c) {
        const double tissue = fundus[c] * (1 + glow) * (1 + choroid * (c == 0 ? 0.7 : 1.3));
        const double nerve = disc[c] * (1 + 0.15 * in_cup * double(c + 1));
        rgb[3 * pixel + c] =
            float(inside * brightness * (tissue + in_disc * (nerve - tissue)) * (1 - absorbed[c] * dark));
      }
    }
  }
  rgb = blurred(rgb, canvas, 0.65 * std::max(0.8, canvas.scale()));

  std::vector<double> sensor(rgb.size());
  key_for(options, number, Purpose::sensor)
      .fill(sensor.data(), sensor.size(), cnf::Distribution::normal, noise_level);
  support::Image image{canvas.height, canvas.width, {}};
  image.rgb.reserve(rgb.size());
  for (std::size_t i = 0; i < rgb.size(); ++i) {
    // light is noisier than darkness
    const double value = 3 + rgb[i] + sensor[i] * std::sqrt(0.05 + rgb[i] / 120);
    image.rgb.push_back(std::uint8_t(std::clamp(std::lround(value), 0L, 255L)));
  }
  return image;
}

/// Writes the four files, or none.
void write_fundus(const fs::path& out, const Fundus& fundus) {
  const std::vector<std::pair<fs::path, support::Image>> files = {
      {out / "images", fundus.image},
      {out / "labels", to_image(fundus.label)},
      {out / "masks", to_image(fundus.field_of_view)},
      {out / "labels2", to_image(fundus.second.value())}};
  const auto file_name = fundus.name + ".png";
  try {
    for (const auto& [folder, image] : files) {
      std::error_code error;
      fs::create_directories(folder, error);
      if (error) throw cnf::Error("cannot create " + folder.string() + ": " + error.message());
      support::write_image(folder / file_name, image);
    }
  } catch (...) {
    std::error_code ignored;
    for (const auto& [folder, image] : files) fs::remove(folder / file_name, ignored);
    throw;
  }
}

}  // namespace

Fundus synthesize(const SynthesisOptions& options, int number) {
  const Canvas canvas{options.height, options.width};
  if (std::min(options.height, options.width) < 32 || std::max(options.height, options.width) > 4096)
    throw cnf::Error(fmt::format("expected a size from 32x32 to 4096x4096 pixels, got {}x{}", options.height,
                                 options.width));
  const Eye eye = draw_eye(Random(key_for(options, number, Purpose::eye)));
  Random random(key_for(options, number, Purpose::vessels));
  const double share = random.uniform(0.09, 0.12);
  // at least a pixel wide
  const double thinnest = 0.5 * std::max(1.0, 1 / canvas.scale());
  const auto vessels = Growth(eye, thinnest, random).grow(share);

  Pen pen(canvas);
  Touches touches;
  for (const auto& vessel : vessels) touches.push_back(pen.trace(vessel));
  Fundus fundus{.name = fmt::format("{:02}", number), .patient = number};
  fundus.field_of_view = field_of_view(canvas);
  fundus.label = label_of(touches, fundus.field_of_view);
  fundus.second = second_grader(touches, fundus.label, fundus.field_of_view, canvas, options, number);
  fundus.image = photograph(eye, darkness_of(vessels, touches, canvas), canvas, options, number);
  return fundus;
}

void write_data_set(const fs::path& out, int count, const SynthesisOptions& options,
                    const std::function<void()>& before_each) {
  for (const char* name : {"images", "labels", "masks", "labels2"}) {
    std::error_code error;
    if (fs::exists(out / name, error) && !fs::is_empty(out / name, error))
      throw cnf::Error("expected a new folder, but " + (out / name).string() + " is not empty");
  }
  for (int number = 1; number <= count; ++number) {
    before_each();
    write_fundus(out, synthesize(options, number));
  }
}

void add_synthesize(CLI::App& app) {
  struct Options {
    fs::path out;
    int count = 20, size = 300;
    std::uint64_t seed = 1;
  };
  auto* c = app.add_subcommand("synthesize", "make a data set of images like fundus photographs");
  auto o = std::make_shared<Options>();
  c->add_option("--out", o->out, "new folder, for --layout plain")->required();
  c->add_option("--count", o->count, "how many images")->check(support::positive())->capture_default_str();
  c->add_option("--seed", o->seed, "same seed, same images")->check(support::seed())->capture_default_str();
  c->add_option("--size", o->size, "height and width in pixels")
      ->check(support::positive())
      ->capture_default_str();
  c->callback([o] {
    support::watch_interrupts();
    write_data_set(o->out, o->count, {.height = o->size, .width = o->size, .seed = o->seed},
                   support::stop_if_interrupted);
    fmt::print("{} images of {}x{} in {}\n", o->count, o->size, o->size, o->out.string());
  });
}

}  // namespace vessel_segmentation
