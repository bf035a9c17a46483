#include "training.hpp"

#include "computing.hpp"
#include "program.hpp"

namespace support {

void add_training(CLI::App& command, cnf::training::TrainingOptions& options, bool& reversible,
                  bool& resume) {
  command.add_option("--batch", options.batch, "images in a step")->check(positive())->capture_default_str();
  add_micro_batch(command, options.micro_batch);
  command.add_flag(
      "--reversible", reversible,
      "rebuild activations in the backward pass instead of storing them: memory that does not grow "
      "with depth, for about a third more time");
  command.add_option("--time-limit", options.time_limit, "seconds in all; 0 for none")
      ->check(not_negative())
      ->capture_default_str();
  command.add_option("--lr", options.learning_rate, "learning rate of Adam")
      ->check(positive())
      ->capture_default_str();
  command
      .add_option("--average", options.average,
                  "the model is an average of the weights with this decay; 0: the weights themselves")
      ->check(CLI::Range(0.0, 0.999999))
      ->capture_default_str();
  command.add_option("--checkpoint-minutes", options.checkpoint_minutes, "time between checkpoints")
      ->check(positive())
      ->capture_default_str();
  command.add_flag("--no-graph{false}", options.graph, "on CUDA: op by op, not as one captured graph");
  command.add_flag("--resume", resume, "go on from the checkpoint in --out");
}

void add_from(CLI::App& command, std::filesystem::path& from, const std::vector<std::string>& chosen) {
  auto* option = command.add_option(
      "--from", from,
      "begin with the weights of this model, such as the one in the box, not with random ones");
  for (const auto& name : chosen) option->excludes(name);
  option->excludes("--resume");
}

}  // namespace support
