#include <ATen/ATen.h>
#include <fmt/format.h>

#include <memory>

#include "augment.hpp"
#include "cnf/metrics/sample_summary.hpp"
#include "commands.hpp"
#include "model.hpp"
#include "support/computing.hpp"
#include "support/program.hpp"
#include "support/usable.hpp"

namespace vessel_segmentation {
namespace {

namespace fs = std::filesystem;

struct Options {
  fs::path checkpoint, field_of_view, out;
  std::vector<fs::path> input;
  long count = 16;
  double temperature = 1, scale = 0;
  std::uint64_t seed = 0;
  bool whole = false, skip_bad = false;
  support::Computing computing;
};

Mask field_of_view(const Options& o, const fs::path& input, const support::Image& image) {
  if (o.whole) return {image.height, image.width, std::vector<std::uint8_t>(image.rgb.size() / 3, 1)};
  if (o.field_of_view.empty()) return field_of_view_of(image);
  return read_mask(o.field_of_view, image, input);
}

/// A photograph of the inside of an eye, and what of it is that.
struct Eye {
  support::Image image;
  Mask inside;
};
Eye read(const Options& o, const fs::path& input) {
  Eye eye{support::read_image(input), {}};
  eye.inside = field_of_view(o, input, eye.image);
  if (pixels_across(eye.inside) == 0)
    throw cnf::Error("expected a photograph of the inside of an eye, got " + input.string() +
                     ", whose field of view is empty");
  return eye;
}

/// --out, or the folder photograph-vessels beside the photograph.
fs::path output_for(const Options& o, const fs::path& input) {
  if (!o.out.empty()) return o.out;
  return support::beside(input, "-vessels", "", [](const fs::path& path) { return !fs::exists(path); });
}

void segment(const AnyModel& model, const Options& o, const Resolution& resolution, const fs::path& input,
             at::Device device) {
  support::working_on(input.string());
  const auto eye = read(o, input);
  const auto& image = eye.image;
  const auto& inside = eye.inside;
  support::working_on(fmt::format("{} of {}x{}", input.string(), image.width, image.height));
  const double scale = o.scale > 0 ? o.scale : resolution.scale_for(inside);
  const int height = scaled(image.height, scale), width = scaled(image.width, scale);
  fmt::print("{}: {}x{}, segmented at {}x{}\n", input.string(), image.width, image.height, width, height);
  std::fflush(stdout);
  const auto x = to_input(resized(image, height, width), resized(inside, height, width)).to(device);

  // What is written has the size of the photograph. The folder is made when there is something to put into it.
  const auto out = output_for(o, input);
  const auto write = [&](const std::string& name, const support::Image& picture) {
    fs::create_directories(out);
    support::write_image(out / name, picture);
    fmt::print("{}\n", (out / name).string());
    std::fflush(stdout);
  };
  const auto digits = std::to_string(o.count).size();
  cnf::metrics::SampleSummary summary(
      {.elements = std::size_t(height) * std::size_t(width), .low = 0, .high = 1, .bins = 2});
  model.sample(
      x, o.count, {.temperature = o.temperature, .seed = o.seed}, [&](long i, const at::Tensor& sample) {
        support::stop_if_interrupted();
        if (!at::isfinite(sample).all().item<bool>())
          throw cnf::Error("sample " + std::to_string(i + 1) + " has values that are not finite: is " +
                           o.checkpoint.string() + " the checkpoint of a healthy training?");
        const auto values = floats(sample);
        summary.add(values);
        const Mask mask{height, width, {values.begin(), values.end()}};
        write(fmt::format("sample-{:0{}}.png", i + 1, digits),
              to_image(resized(mask, image.height, image.width)));
      });
  write("mean.png", resized(grey_image(summary.mean(), height, width), image.height, image.width));
  auto deviation = summary.standard_deviation();
  for (float& d : deviation) d *= 2;  // white: a pixel that is vessel in every other sample
  write("uncertainty.png", resized(grey_image(deviation, height, width), image.height, image.width));
}

void run(const Options& o) {
  support::watch_interrupts();
  if (!o.out.empty() && o.input.size() > 1)
    throw cnf::Error("expected one --input for --out, got " + std::to_string(o.input.size()) +
                     ": without --out the masks of each photograph are written into a folder beside it");
  for (const auto& input : o.input) support::expect_folder(output_for(o, input));
  const auto resolution = resolution_of(o.checkpoint);
  const auto placement = support::place(o.computing);
  const auto inputs = o.input.size() > 1
                          ? support::usable(
                                o.input, [&](const fs::path& path) { read(o, path); }, o.skip_bad)
                          : o.input;
  const auto model = open_model(o.checkpoint, placement, o.computing.tile);
  for (const auto& input : inputs) segment(*model, o, resolution, input, placement.device);
}

}  // namespace

void add_sample(CLI::App& app) {
  auto* c =
      app.add_subcommand("sample", "masks of vessels for photographs, their mean and their uncertainty");
  auto o = std::make_shared<Options>();
  c->add_option("--checkpoint", o->checkpoint, "model.safetensors of a training")->required();
  c->add_option("--input", o->input, "photograph, or several")->required();
  c->add_option("--out", o->out,
                "folder for mean.png, uncertainty.png, sample-1.png, ...; default: beside each photograph, "
                "name-vessels");
  c->add_option("--scale", o->scale,
                "work at this part of the photograph's resolution; default: so that its field of view is as "
                "many pixels across as those that the model learnt from")
      ->check(CLI::Range(0.01, 100.0));
  auto* fov =
      c->add_option("--field-of-view", o->field_of_view,
                    "image that is white inside the field of view; default: the bright disc in a dark frame");
  c->add_flag("--whole", o->whole, "the field of view is the whole photograph")->excludes(fov);
  c->add_option("--count", o->count, "how many masks")->check(support::positive())->capture_default_str();
  c->add_option("--temperature", o->temperature, "0 is the mode-like decode, 1 the model's own spread")
      ->check(support::temperature())
      ->capture_default_str();
  c->add_option("--seed", o->seed, "same seed, same files")->check(support::seed())->capture_default_str();
  support::add_skip_bad(*c, o->skip_bad);
  support::add_tile(*c, o->computing);
  support::add_computing(*c, o->computing);
  c->callback([o] { run(*o); });
}

}  // namespace vessel_segmentation
