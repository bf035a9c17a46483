#include <ATen/ATen.h>
#include <fmt/format.h>

#include <map>
#include <memory>
#include <mutex>
#include <numbers>
#include <utility>

#include "augment.hpp"
#include "commands.hpp"
#include "model.hpp"
#include "support/program.hpp"
#include "support/together.hpp"
#include "support/training.hpp"
#include "support/usable.hpp"

namespace vessel_segmentation {
namespace {

struct Options : support::Training {
  std::string layout = "plain", patients;
  Choice choice;
  AugmentOptions augment;
  double scale = 1, val_fraction = 0.1;
  std::int64_t epochs = 2000;
};

std::vector<Prepared> prepared(const std::vector<FundusFiles>& files, std::map<std::string, Fundus>& read,
                               std::vector<std::string>& notes) {
  std::vector<Prepared> images;
  for (const auto& f : files) {
    images.emplace_back(std::move(read.at(f.name)));
    if (auto odd = oddness(images.back().fundus); !odd.empty()) notes.push_back(std::move(odd));
  }
  return images;
}

void run(Options o, support::Replicas& replicas, const support::Launch& launch) {
  if (o.augment.crop % 4 != 0)
    throw cnf::Error("expected a --crop divisible by 4, got " + std::to_string(o.augment.crop));
  if (!o.from.empty()) o.choice = choice_of(o.from);
  std::vector<std::string> notes;
  auto found = of_patients(find_fundus(o.data, o.layout, Part::train, &notes), o.patients);
  const support::Trainer trainer(o, replicas, launch, /*one_size=*/o.augment.crop > 0);
  std::map<std::string, Fundus> read;
  std::mutex reading;
  const auto files = support::usable(
      std::move(found),
      [&](const FundusFiles& f) {
        auto fundus = read_fundus(f, o.scale);
        const std::lock_guard lock(reading);
        read.emplace(f.name, std::move(fundus));
      },
      o.skip_bad);
  std::vector<std::filesystem::path> seen;
  for (const auto& f : files) seen.insert(seen.end(), {f.image, f.label, f.field_of_view});
  support::expect_same_files(replicas, "data", seen);
  const auto split = split_by_patient(files, o.val_fraction);
  const auto train = prepared(split.train, read, notes), held_out = prepared(split.validation, read, notes);
  for (const auto& note : notes) fmt::print("{}\n", note);
  // as `sample` will measure it: where nobody says what is inside, the bright disc
  double across = 0;
  for (std::size_t i = 0; i < train.size(); ++i) {
    const auto& fundus = train[i].fundus;
    const bool is_told = !split.train[i].field_of_view.empty();
    across += double(pixels_across(is_told ? fundus.field_of_view : field_of_view_of(fundus.image))) /
              double(train.size());
  }
  const auto device = trainer.device();
  o.training.steps = o.epochs * ((std::int64_t(train.size()) + o.training.batch - 1) / o.training.batch);
  support::Trainee<AnyModel> trainee{
      .title = fmt::format("{} with extractor {}: {} images to train, {} held out, about {}x{}",
                           o.choice.model, o.choice.extractor, train.size(), held_out.size(),
                           train[0].fundus.image.width, train[0].fundus.image.height),
      .batch =
          [&](std::int64_t step, const cnf::distributed::Share& share) {
            const auto views = random_views(train, int(share.of), o.augment, o.training.seed, step,
                                            int(share.first), int(share.count));
            return cnf::training::Pairs{views.x, views.y};
          },
      .make = [&](const support::ModelOptions& options) { return make_model(o.choice, options); },
      .loss = [](const AnyModel& model, const cnf::training::Pairs& images,
                 const cnf::NoiseOptions& noise) { return model.loss(images.x, images.y, noise); },
      .metadata = {{"program", "vessel_segmentation"},
                   {"config", o.choice.config},
                   {"model", o.choice.model},
                   {"extractor", o.choice.extractor},
                   {"scale", fmt::format("{}", o.scale)},
                   {"field_of_view", fmt::format("{:.1f}", across)}}};
  if (!held_out.empty())
    trainee.validate = [&](const AnyModel& model) {
      double bits = 0, pixels = 0;
      for (const auto& image : held_out) {
        const auto y = to_target(image.fundus.label).to(device);
        bits += model
                    .bits(to_input(image.fundus.image, image.fundus.field_of_view).to(device), y,
                          {.seed = o.training.seed})
                    .per_image.item<double>();
        pixels += double(y.numel());
      }
      return bits / pixels;
    };
  trainer.train(trainee);
}

}  // namespace

void add_train(CLI::App& app) {
  auto* c = app.add_subcommand("train", "train a model on photographs with marked vessels");
  auto o = std::make_shared<Options>();
  o->training.batch = 2;
  support::add_training(*c, *o, "folder of the data set");
  c->add_option("--layout", o->layout, "how the folder is arranged: plain, drive or chase")
      ->check(CLI::IsMember({"plain", "drive", "chase"}))
      ->capture_default_str();
  c->add_option("--patients", o->patients, "whose images to use, as 1-8 or 9,10; default: all");
  c->add_option("--val-fraction", o->val_fraction, "part of the patients to hold out")
      ->check(CLI::Range(0.0, 0.5))
      ->capture_default_str();
  c->add_option("--scale", o->scale, "work at this part of the images' resolution")
      ->check(CLI::Range(0.01, 1.0))
      ->capture_default_str();
  c->add_option("--config", o->choice.config, "paper or affine")
      ->check(CLI::IsMember({"paper", "affine"}))
      ->capture_default_str();
  c->add_option("--model", o->choice.model, "cnf, cnf-uniform, bernoulli or weighted-bernoulli")
      ->check(CLI::IsMember({"cnf", "cnf-uniform", "bernoulli", "weighted-bernoulli"}))
      ->capture_default_str();
  c->add_option("--extractor", o->choice.extractor, "vgg (the paper's) or unet")
      ->check(CLI::IsMember({"vgg", "unet"}))
      ->capture_default_str();
  c->add_option("--crop", o->augment.crop, "train on crops of this side, pixels; 0: on whole fields of view")
      ->check(support::not_negative())
      ->capture_default_str();
  c->add_option("--warp", o->augment.warp,
                "how often to rotate by any angle, scale and shear, and not by right angles")
      ->check(CLI::Range(0.0, 1.0))
      ->capture_default_str();
  c->add_option("--jitter", o->augment.jitter, "random change of the colours")
      ->check(CLI::Range(0.0, 0.9))
      ->capture_default_str();
  c->add_option("--epochs", o->epochs, "how often every image is used")
      ->check(support::positive())
      ->capture_default_str();
  support::replaced_by_from(*c, {"--config", "--model", "--extractor"});
  support::together(*c, o->computing, [o](support::Replicas& replicas, const support::Launch& launch) {
    run(*o, replicas, launch);
  });
}

}  // namespace vessel_segmentation
