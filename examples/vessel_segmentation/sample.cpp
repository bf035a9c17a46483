#include <ATen/ATen.h>
#include <fmt/format.h>

#include <memory>

#include "augment.hpp"
#include "cnf/metrics/sample_summary.hpp"
#include "commands.hpp"
#include "model.hpp"
#include "support/computing.hpp"
#include "support/program.hpp"

namespace vessel_segmentation {
namespace {

struct Options {
  std::filesystem::path checkpoint, input, field_of_view, out;
  long count = 16;
  double temperature = 1;
  std::uint64_t seed = 0;
  bool whole = false;
  support::Computing computing;
};

Mask field_of_view(const Options& o, const support::Image& image) {
  if (o.whole) return {image.height, image.width, std::vector<std::uint8_t>(image.rgb.size() / 3, 1)};
  if (o.field_of_view.empty()) return field_of_view_of(image);
  return read_mask(o.field_of_view, image, o.input);
}

void run(const Options& o) {
  support::watch_interrupts();
  const auto image = support::read_image(o.input);
  const auto inside = field_of_view(o, image);
  const double scale = scale_of(o.checkpoint);
  const int height = scaled(image.height, scale), width = scaled(image.width, scale);
  const auto placement = support::place(o.computing);
  const auto device = placement.device;
  const auto model = open_model(o.checkpoint, placement);
  const auto x = to_input(resized(image, height, width), resized(inside, height, width)).to(device);
  std::filesystem::create_directories(o.out);

  // What is written has the size of the photograph.
  const auto write = [&](const std::string& name, const support::Image& picture) {
    support::write_image(o.out / name, picture);
    fmt::print("{}\n", (o.out / name).string());
  };
  const auto digits = std::to_string(o.count).size();
  cnf::metrics::SampleSummary summary(
      {.elements = std::size_t(height) * std::size_t(width), .low = 0, .high = 1, .bins = 2});
  model->sample(
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

}  // namespace

void add_sample(CLI::App& app) {
  auto* c =
      app.add_subcommand("sample", "masks of vessels for one photograph, their mean and their uncertainty");
  auto o = std::make_shared<Options>();
  c->add_option("--checkpoint", o->checkpoint, "model.safetensors of a training")->required();
  c->add_option("--input", o->input, "photograph")->required();
  c->add_option("--out", o->out, "folder for mean.png, uncertainty.png, sample-1.png, ...")->required();
  auto* fov =
      c->add_option("--field-of-view", o->field_of_view,
                    "image that is white inside the field of view; default: the bright disc in a dark frame");
  c->add_flag("--whole", o->whole, "the field of view is the whole photograph")->excludes(fov);
  c->add_option("--count", o->count, "how many masks")->check(support::positive())->capture_default_str();
  c->add_option("--temperature", o->temperature, "0 is the mode-like decode, 1 the model's own spread")
      ->check(support::not_negative())
      ->capture_default_str();
  c->add_option("--seed", o->seed, "same seed, same files")
      ->check(support::not_negative())
      ->capture_default_str();
  support::add_computing(*c, o->computing);
  c->callback([o] { run(*o); });
}

}  // namespace vessel_segmentation
