// The command `evaluate` of a program: the options that every evaluation has, what is tried before it computes, and
// its report.
//
//   struct Options : support::Evaluation { ... };
//   support::add_evaluation(*command, *o, "folder tree of images", "folder for the picture samples.png");
#pragma once

#include <CLI/CLI.hpp>
#include <cstdint>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "computing.hpp"
#include "together.hpp"

namespace support {

struct Evaluation {
  std::filesystem::path checkpoint, baseline, data, json, pictures;
  std::uint64_t seed = 1;
  bool skip_bad = false;
  Computing computing;

  /// One or two.
  std::vector<std::filesystem::path> checkpoints() const;
};

/// Declares all of them; `data` says what is in that folder, `pictures` what is drawn.
void add_evaluation(CLI::App& command, Evaluation& evaluation, const std::string& data,
                    const std::string& pictures);

/// Throws where an output could not be written.
void expect_outputs(const Evaluation& evaluation, const Replicas& replicas);

/// Refuses processes that see other models or data, and makes the folder of pictures.
void begin(const Evaluation& evaluation, Replicas& replicas, const std::vector<std::filesystem::path>& data);

/// Writes the file of --json: the first report, with the second as its "baseline".
void write_reports(const Evaluation& evaluation, const std::vector<nlohmann::ordered_json>& reports);

}  // namespace support
