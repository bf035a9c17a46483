#include <ATen/ATen.h>
#include <fmt/format.h>

#include <map>
#include <memory>
#include <utility>

#include "commands.hpp"
#include "model.hpp"
#include "photographs.hpp"
#include "support/program.hpp"
#include "support/together.hpp"
#include "support/training.hpp"
#include "support/usable.hpp"

namespace super_resolution {
namespace {

struct Options : support::Training {
  std::filesystem::path validation;
  Choice choice;
  int patch = 32, crops = 128;
  double held_out = 0.1;
  bool views = true;
};

/// Training images and held-out ones: from a folder of their own, or every nth image of the data.
struct Images {
  std::vector<std::filesystem::path> train, held_out;
};

Images divide(const Options& o) {
  const auto found = [](const std::filesystem::path& folder) {
    std::vector<std::filesystem::path> others;
    auto paths = support::find_images(folder, &others);
    if (!others.empty()) fmt::print("{}\n", support::left_out_text(folder, others));
    return paths;
  };
  Images images{.train = found(o.data), .held_out = {}};
  if (!o.validation.empty()) {
    images.held_out = found(o.validation);
  } else if (images.train.size() > 1 && o.held_out > 0) {
    const std::size_t every = std::max<std::size_t>(2, std::size_t(1 / o.held_out));
    const std::size_t offset = std::min(every, images.train.size()) / 2;
    std::vector<std::filesystem::path> rest;
    for (std::size_t i = 0; i < images.train.size(); ++i)
      (i % every == offset ? images.held_out : rest).push_back(images.train[i]);
    images.train = std::move(rest);
  }
  return images;
}

void run(Options o, support::Replicas& replicas, const support::Launch& launch) {
  if (o.patch % 4 != 0) throw cnf::Error("expected a --patch divisible by 4, got " + std::to_string(o.patch));
  if (!o.from.empty()) o.choice = choice_of(o.from);
  auto images = divide(o);
  const support::Trainer trainer(o, replicas, launch, /*one_size=*/true);
  for (auto* paths : {&images.train, &images.held_out})
    if (!paths->empty())
      *paths = support::usable(
          std::move(*paths), [&](const auto& path) { read_files({.high = path}, o.patch); }, o.skip_bad);
  support::expect_same_files(replicas, "data", images.train);
  support::expect_same_files(replicas, "held-out data", images.held_out);
  const auto device = trainer.device();
  Photographs photographs(images.train, o.patch, device);
  std::optional<Crops> held_out;
  if (!images.held_out.empty()) {
    const auto crops =
        Photographs(images.held_out, o.patch).random_crops(o.crops, o.patch, o.training.seed, 0);
    held_out = {crops.x.to(device), crops.y.to(device)};
  }
  support::Trainee<AnyModel> trainee{
      .title = fmt::format("{} {}: {} images to train, {} held out", o.choice.config, o.choice.model,
                           images.train.size(), images.held_out.size()),
      .batch =
          [&](std::int64_t step, const cnf::distributed::Share& share) {
            const auto crops = photographs.random_crops(
                int(share.count), o.patch, o.training.seed, std::uint32_t(step),
                {.mirror = true, .views = o.views, .first = int(share.first), .batch = int(share.of)});
            return cnf::training::Pairs{crops.x, crops.y};
          },
      .make = [&](const support::ModelOptions& options) { return make_model(o.choice, options); },
      .loss =
          [](const AnyModel& model, const cnf::training::Pairs& images, const cnf::NoiseOptions& noise) {
            return model.bits_per_dim(images.x, images.y, noise).mean();
          },
      .metadata = {{"program", "super_resolution"},
                   {"config", o.choice.config},
                   {"model", o.choice.model},
                   {"patch", std::to_string(o.patch)},
                   {"views", o.views ? "on" : "off"}}};
  if (held_out)
    trainee.validate = [&](const AnyModel& model) {
      double sum = 0;
      for (std::int64_t i = 0; i < o.crops; i += 32) {
        const auto n = std::min<std::int64_t>(32, o.crops - i);
        sum += model
                   .bits_per_dim(held_out->x.narrow(0, i, n), held_out->y.narrow(0, i, n),
                                 {.seed = std::uint64_t(i)})
                   .sum()
                   .item<double>();
      }
      return sum / o.crops;
    };
  trainer.train(trainee);
}

}  // namespace

void add_train(CLI::App& app) {
  auto* c = app.add_subcommand("train", "train a model on a folder of photographs");
  auto o = std::make_shared<Options>();
  support::add_training(*c, *o, "folder tree of images");
  c->add_option("--validation", o->validation, "folder of held-out images; default: a part of --data");
  c->add_option("--held-out", o->held_out, "part of --data to hold out")
      ->check(CLI::Range(0.0, 0.5))
      ->capture_default_str();
  add_choice(*c, o->choice);
  c->add_option(
       "--views", o->views,
       "also train on photographs at other sizes and in other colours, and on drawn graphics: on, or off "
       "for the photographs alone")
      ->transform(CLI::Transformer(std::map<std::string, bool>{{"on", true}, {"off", false}}))
      ->default_str("on");
  c->add_option("--patch", o->patch, "size of the training crops, pixels of high resolution")
      ->check(support::positive())
      ->capture_default_str();
  c->add_option("--steps", o->training.steps, "steps in all")
      ->check(support::positive())
      ->capture_default_str();
  support::replaced_by_from(*c, {"--config", "--model"});
  support::together(*c, o->computing, [o](support::Replicas& replicas, const support::Launch& launch) {
    run(*o, replicas, launch);
  });
}

}  // namespace super_resolution
