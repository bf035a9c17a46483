#include <ATen/ATen.h>
#include <fmt/format.h>

#include <memory>

#include "commands.hpp"
#include "consistency.hpp"
#include "model.hpp"
#include "photographs.hpp"
#include "resize.hpp"
#include "support/computing.hpp"
#include "support/program.hpp"
#include "support/tile_progress.hpp"
#include "support/usable.hpp"

namespace super_resolution {
namespace {

namespace fs = std::filesystem;

constexpr double doubtful = 35;  // dB: of photographs, samples of a trained model have 40 and more

struct Options {
  fs::path checkpoint, output;
  std::vector<fs::path> input;
  double temperature = 0.8;
  int count = 1;
  std::uint64_t seed = 0;
  bool consistent = false, skip_bad = false;
  support::Computing computing;
};

/// out.png for one sample; out-1.png, out-2.png, ... for several.
fs::path numbered(const fs::path& path, int number, int count) {
  if (count == 1) return path;
  auto name = path.stem().string() + "-" + std::to_string(number) + path.extension().string();
  return path.parent_path() / name;
}

/// --output, or photograph-2x.png beside the photograph.
fs::path output_for(const Options& o, const fs::path& input) {
  if (!o.output.empty()) return o.output;
  return support::beside(input, "-2x", ".png", [&](const fs::path& path) {
    bool is_free = true;
    for (int i = 1; i <= o.count; ++i) is_free = is_free && !fs::exists(numbered(path, i, o.count));
    return is_free;
  });
}

/// Transparency twice as large, bicubic.
std::vector<std::uint8_t> enlarged_alpha(const support::Picture& picture) {
  support::Image grey{picture.image.height, picture.image.width, {}};
  for (const auto a : picture.alpha) grey.rgb.insert(grey.rgb.end(), 3, a);
  const auto large = imresize(grey, 2);
  std::vector<std::uint8_t> alpha(large.rgb.size() / 3);
  for (std::size_t i = 0; i < alpha.size(); ++i) alpha[i] = large.rgb[3 * i];
  return alpha;
}

/// A photograph that can be enlarged.
support::Picture read(const fs::path& input) {
  auto picture = support::read_picture(input);
  if (picture.image.height < 2 || picture.image.width < 2)
    throw cnf::Error("expected an image of at least 2x2 pixels, got " + input.string() + " of " +
                     std::to_string(picture.image.height) + "x" + std::to_string(picture.image.width));
  return picture;
}

void enlarge(const AnyModel& model, const Options& o, const fs::path& input, const fs::path& output,
             at::Device device) {
  const auto name = input.string();
  support::working_on(name);
  auto picture = read(input);
  support::working_on(fmt::format("{} of {}x{}", name, picture.image.width, picture.image.height));
  if (picture.bits > 8) fmt::print("{} has {} bits a channel; its enlargement has 8\n", name, picture.bits);
  if (!picture.profile.empty())
    fmt::print("{} has colours of the profile {}; its enlargement is in sRGB\n", name, picture.profile);
  if (!picture.unused_profile.empty())
    fmt::print(
        "{} has the profile {}, which is for other colours than RGB or grey: they are converted without it\n",
        name, picture.unused_profile);
  if (!picture.alpha.empty()) {
    if (!support::holds_alpha(output))
      fmt::print("{} is transparent in parts, which {} can't hold: its enlargement is shown on white\n", name,
                 output.filename().string());
    picture.alpha = enlarged_alpha(picture);
  }
  const auto cost = model.cost(picture.image.height, picture.image.width);
  if (cost.bytes > 1e9)
    fmt::print("{} becomes {}x{}, for about {:.1f} GB of memory\n", name, 2 * picture.image.width,
               2 * picture.image.height, cost.bytes * 1e-9 + 0.5);
  std::fflush(stdout);

  const auto x = to_tensor(picture.image).to(device);
  const auto low = std::move(picture.image);
  std::vector<cnf::SampleOptions> draws;
  for (int i = 0; i < o.count; ++i)
    draws.push_back({.temperature = o.temperature, .seed = o.seed, .first_draw = i});
  support::TileProgress progress(name, cost.features + o.count * cost.draw);
  model.sample(x, draws, [&](std::size_t i, at::Tensor y) {
    support::stop_if_interrupted();
    if (!cnf::libtorch::Backend::all_finite(y))
      throw cnf::Error("sample " + std::to_string(i + 1) + " has values that are not finite: is " +
                       o.checkpoint.string() + " the checkpoint of a healthy training?");
    picture.image = to_image(y[0]);
    y = at::Tensor();
    const double before = consistency(picture.image, low);
    if (o.consistent) picture.image = made_consistent(std::move(picture.image), low);
    const auto path = numbered(output, int(i) + 1, o.count);
    support::write_picture(path, picture);
    progress.clear();
    fmt::print("{}: {}x{}\n", path.string(), picture.image.width, picture.image.height);
    if (o.consistent)
      fmt::print("  brought down again it is the photograph with a PSNR of {:.1f} dB, {:.1f} before\n",
                 consistency(picture.image, low), before);
    else if (before < doubtful)
      fmt::print("  brought down again it is not quite the photograph (PSNR {:.1f} dB): see --consistent\n",
                 before);
    std::fflush(stdout);
    picture.image = {};
  });
}

void run(const Options& o) {
  support::watch_interrupts();
  support::keep_memory(1 << 25);
  if (!o.output.empty() && o.input.size() > 1)
    throw cnf::Error("expected one --input for --output, got " + std::to_string(o.input.size()) +
                     ": without --output each photograph's enlargement is written beside it");
  for (const auto& input : o.input) {
    const auto output = output_for(o, input);
    for (int i = 1; i <= o.count; ++i) support::expect_image_writable(numbered(output, i, o.count));
  }
  const auto placement = support::place(o.computing);
  const auto inputs = o.input.size() > 1 ? support::usable(o.input, read, o.skip_bad) : o.input;
  const auto model = open_model(o.checkpoint, placement, o.computing.tile);
  for (const auto& input : inputs) enlarge(*model, o, input, output_for(o, input), placement.device);
}

}  // namespace

void add_sample(CLI::App& app) {
  auto* c = app.add_subcommand("sample", "super-resolve image files");
  auto o = std::make_shared<Options>();
  c->add_option("--checkpoint", o->checkpoint, "model.safetensors of a training")->required();
  c->add_option("--input", o->input, "image file, or several")->required();
  c->add_option("--output", o->output,
                "image file to write, twice as large; several samples are numbered: name-1.png, ...; "
                "default: beside each "
                "photograph, name-2x.png");
  c->add_option("--temperature", o->temperature, "0 is the mode-like decode, 1 the model's own spread")
      ->check(support::temperature())
      ->capture_default_str();
  c->add_option("--count", o->count, "how many samples")->check(support::positive())->capture_default_str();
  c->add_flag("--consistent", o->consistent,
              "adjust each sample until it is the photograph when it is brought down again");
  c->add_option("--seed", o->seed, "same seed, same file")->check(support::seed())->capture_default_str();
  support::add_skip_bad(*c, o->skip_bad);
  support::add_tile(*c, o->computing);
  support::add_computing(*c, o->computing);
  c->callback([o] { run(*o); });
}

}  // namespace super_resolution
