// The command `train` of a program: the options that every training has, and its way from them to a checkpoint. What
// is learnt from what is the program's; the loop is cnf's (cnf/training/train.hpp).
//
//   struct Options : support::Training { ... };
//   support::add_training(*command, *o, "folder tree of images");
//   support::together(*command, o->computing, [o](auto& replicas, const auto& launch) {
//     const support::Trainer trainer(*o, replicas, launch, /*one_size=*/true);
//     ... read files for trainer.device() ...
//     trainer.train(support::Trainee<AnyModel>{.batch = ..., .make = ..., .loss = ..., ...});
//   });
#pragma once

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "any_model.hpp"
#include "cnf/training/train.hpp"
#include "computing.hpp"
#include "precision.hpp"
#include "together.hpp"

namespace support {

struct Training {
  std::filesystem::path data, out, from;
  Computing computing;
  bool reversible = false, resume = false, skip_bad = false;
  cnf::training::TrainingOptions training;
};

/// Declares all of them; `data` says what is in that folder.
void add_training(CLI::App& command, Training& training, const std::string& data);
/// --from takes the place of these options of the command.
void replaced_by_from(CLI::App& command, const std::vector<std::string>& options);

/// What one program trains, and on what.
template <class Model>
struct Trainee {
  std::string title;  // what is trained on how many images, for the user
  cnf::training::Batches batch;
  std::function<std::unique_ptr<Model>(const ModelOptions&)> make;
  std::function<at::Tensor(const Model&, const cnf::training::Pairs&, const cnf::NoiseOptions&)> loss;
  std::function<double(const Model&)> validate = {};  // bits per dimension of held-out images; empty for none
  std::map<std::string, std::string> metadata = {};   // of the checkpoint, beside seed and batch
};

/// One training of a program.
class Trainer {
 public:
  /// Claims the folder, finds whether to resume, and chooses the device, before images are read. `options` may change until
  /// train().
  Trainer(const Training& options, Replicas& replicas, const Launch& launch, bool one_size)
      : options_(options),
        replicas_(replicas),
        launch_(launch),
        resume_(options.resume || launch.continues(options.out / "model.safetensors")),
        folder_(cnf::training::prepare_folder(options.out, resume_, replicas.is_first())),
        placement_(place(options.computing, one_size)) {}

  at::Device device() const { return placement_.device; }

  /// To the end, or to Ctrl-C.
  template <class Model>
  void train(const Trainee<Model>& trainee) const {
    auto options = options_.training;
    auto placement = placement_;
    const auto make = [&](const cnf::libtorch::Backend::Placement& p) {
      return trainee.make({.seed = options.seed, .placement = p, .reversible = options_.reversible});
    };
    if (options_.computing.precision == "auto")
      placement.networks =
          faster_precision(placement, step_options(options), trainee.batch, make, trainee.loss, replicas_);
    const auto model = make(placement);
    cnf::io::CheckpointExtras resumed;
    if (resume_ && replicas_.is_first()) resumed = model->resume(folder_.checkpoint);
    if (!resume_ && !options_.from.empty()) model->load(options_.from);
    fmt::print("{}; {:.2f} M parameters\n", trainee.title, double(model->parameters()) / 1e6);

    options.folder = options_.out;
    options.networks = placement.networks;
    cnf::training::TrainingHooks hooks;
    hooks.batch = trainee.batch;
    hooks.loss = [&](const cnf::training::Pairs& images, const cnf::NoiseOptions& noise) {
      return trainee.loss(*model, images, noise);
    };
    hooks.diagnose = [&](const cnf::training::Pairs& images, std::uint64_t seed) {
      return model->first_nonfinite(images.x, images.y, seed);
    };
    if (trainee.validate) hooks.validate = [&] { return trainee.validate(*model); };
    hooks.save = [&](cnf::io::CheckpointExtras extras) {
      for (const auto& [name, value] : trainee.metadata) extras.metadata[name] = value;
      extras.metadata["seed"] = std::to_string(options.seed);
      extras.metadata["batch"] = std::to_string(options.batch);
      if (!launch_.name.empty()) extras.metadata["launch"] = launch_.name;
      model->save(folder_.checkpoint, std::move(extras));
    };
    cnf::training::train(model->module(), options, hooks, resumed, replicas_);
    fmt::print("checkpoint: {}\n", folder_.checkpoint.string());
  }

 private:
  const Training& options_;
  Replicas& replicas_;
  const Launch& launch_;
  bool resume_;
  cnf::training::Folder folder_;
  cnf::libtorch::Backend::Placement placement_;
};

}  // namespace support
