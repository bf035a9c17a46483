#include "evaluation.hpp"

#include "cnf/io/atomic_file.hpp"
#include "program.hpp"
#include "usable.hpp"

namespace support {

std::vector<std::filesystem::path> Evaluation::checkpoints() const {
  if (baseline.empty()) return {checkpoint};
  return {checkpoint, baseline};
}

void add_evaluation(CLI::App& command, Evaluation& e, const std::string& data, const std::string& pictures) {
  command.add_option("--checkpoint", e.checkpoint, "model.safetensors of a training")->required();
  command.add_option("--baseline", e.baseline, "a second checkpoint to put beside it");
  command.add_option("--data", e.data, data)->required();
  command.add_option("--seed", e.seed, "of samples, of noise, and of crops where some are cut")
      ->check(seed())
      ->capture_default_str();
  command.add_option("--json", e.json, "file for the numbers");
  command.add_option("--pictures", e.pictures, pictures);
  add_skip_bad(command, e.skip_bad);
  add_computing(command, e.computing);
}

void expect_outputs(const Evaluation& e, const Replicas& replicas) {
  if (!e.json.empty() && replicas.is_first()) cnf::io::expect_writable(e.json);
  if (!e.pictures.empty()) expect_folder(e.pictures);
}

void begin(const Evaluation& e, Replicas& replicas, const std::vector<std::filesystem::path>& data) {
  auto seen = e.checkpoints();
  seen.insert(seen.end(), data.begin(), data.end());
  expect_same_files(replicas, "models and data", seen);
  if (!e.pictures.empty() && replicas.is_first()) std::filesystem::create_directories(e.pictures);
}

void write_reports(const Evaluation& e, const std::vector<nlohmann::ordered_json>& reports) {
  auto json = reports[0];
  if (reports.size() > 1) json["baseline"] = reports[1];
  cnf::io::write_file(e.json, json.dump(2) + "\n");
}

}  // namespace support
