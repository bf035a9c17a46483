#include <ATen/ATen.h>
#include <fmt/format.h>

#include <memory>

#include "commands.hpp"
#include "model.hpp"
#include "photographs.hpp"
#include "support/computing.hpp"
#include "support/program.hpp"

namespace super_resolution {
namespace {

struct Options {
  std::filesystem::path checkpoint, input, output;
  double temperature = 0.8;
  int count = 1;
  std::uint64_t seed = 0;
  support::Computing computing;
};

/// out.png for one sample; out-1.png, out-2.png, ... for several.
std::filesystem::path numbered(const std::filesystem::path& path, int number, int count) {
  if (count == 1) return path;
  auto name = path.stem().string() + "-" + std::to_string(number) + path.extension().string();
  return path.parent_path() / name;
}

void run(const Options& o) {
  support::watch_interrupts();
  const auto image = support::read_image(o.input);
  if (image.height < 2 || image.width < 2)
    throw cnf::Error("expected an image of at least 2x2 pixels, got " + o.input.string() + " of " +
                     std::to_string(image.height) + "x" + std::to_string(image.width));
  const auto placement = support::place(o.computing);
  const auto device = placement.device;
  const auto model = open_model(o.checkpoint, placement);
  const auto x = to_tensor(image).to(device);
  std::vector<cnf::SampleOptions> draws;
  for (int i = 0; i < o.count; ++i)
    draws.push_back({.temperature = o.temperature, .seed = o.seed, .first_draw = i});
  model->sample(x, draws, [&](std::size_t i, const at::Tensor& y) {
    support::stop_if_interrupted();
    if (!at::isfinite(y).all().item<bool>())
      throw cnf::Error("sample " + std::to_string(i + 1) + " has values that are not finite: is " +
                       o.checkpoint.string() + " the checkpoint of a healthy training?");
    const auto path = numbered(o.output, int(i) + 1, o.count);
    support::write_image(path, to_image(y[0]));
    fmt::print("{}: {}x{}\n", path.string(), y.size(3), y.size(2));
  });
}

}  // namespace

void add_sample(CLI::App& app) {
  auto* c = app.add_subcommand("sample", "super-resolve an image file");
  auto o = std::make_shared<Options>();
  c->add_option("--checkpoint", o->checkpoint, "model.safetensors of a training")->required();
  c->add_option("--input", o->input, "image file")->required();
  c->add_option("--output", o->output,
                "image file to write, twice as large; several are numbered: name-1.png, ...")
      ->required();
  c->add_option("--temperature", o->temperature, "0 is the mode-like decode, 1 the model's own spread")
      ->check(support::not_negative())
      ->capture_default_str();
  c->add_option("--count", o->count, "how many samples")->check(support::positive())->capture_default_str();
  c->add_option("--seed", o->seed, "same seed, same file")
      ->check(support::not_negative())
      ->capture_default_str();
  support::add_computing(*c, o->computing);
  c->callback([o] { run(*o); });
}

}  // namespace super_resolution
