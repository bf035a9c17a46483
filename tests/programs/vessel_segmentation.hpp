// What the tests of the program vessel_segmentation share: its command lines, images, trained models.
#pragma once

#include <algorithm>
#include <filesystem>
#include <string>

#include "support/files.hpp"
#include "support/run.hpp"
#include "support/temporary_folder.hpp"
#include "vessel_segmentation/synthesize.hpp"

/// A command line; an option in `more` replaces the one of the same name.
inline Arguments vessel_segmentation_command(Arguments arguments, const Arguments& more = {}) {
  for (std::size_t i = 0; i < more.size(); ++i) {
    const auto known = std::find(arguments.begin(), arguments.end(), more[i]);
    if (more[i].starts_with("--") && known != arguments.end())
      *(known + 1) = more[++i];
    else
      arguments.push_back(more[i]);
  }
  arguments.insert(arguments.begin(), CNF_BIN_DIR "/vessel_segmentation");
  return arguments;
}

/// A short training on one thread.
inline Arguments vessel_training(const std::filesystem::path& data, const std::filesystem::path& out,
                                 const Arguments& more = {}) {
  return vessel_segmentation_command(
      {"train", "--data", data, "--out", out, "--crop", "16", "--epochs", "2", "--threads", "1"}, more);
}

inline Arguments vessel_evaluation(const std::filesystem::path& checkpoint, const std::filesystem::path& data,
                                   const Arguments& more = {}) {
  return vessel_segmentation_command({"evaluate", "--checkpoint", checkpoint, "--data", data, "--samples",
                                      "5", "--iw-draws", "3", "--threads", "1"},
                                     more);
}

/// Synthesized photographs and a model of each kind after a few steps, made once for all tests that only read
/// them.
struct TrainedVessels {
  TemporaryFolder folder;
  std::filesystem::path data = folder / "data";
  std::filesystem::path cnf = folder / "cnf" / "model.safetensors";
  std::filesystem::path bernoulli = folder / "bernoulli" / "model.safetensors";
  Finished cnf_run, bernoulli_run;

  TrainedVessels() {
    vessel_segmentation::write_data_set(data, 5, {.height = 48, .width = 44, .seed = 3});
    const auto train = [&](const std::string& model) {
      return vessel_training(
          data, folder / model,
          {"--model", model, "--crop", "32", "--epochs", "10", "--val-fraction", "0.2", "--lr", "3e-3"});
    };
    const auto done = run_all({train("cnf"), train("bernoulli")}, {.environment = {{"GOMP_SPINCOUNT", "0"}}});
    cnf_run = done[0];
    bernoulli_run = done[1];
  }
};

inline const TrainedVessels& trained_vessels() {
  static const TrainedVessels once;
  return once;
}
