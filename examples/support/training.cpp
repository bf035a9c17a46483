#include "training.hpp"

#include "program.hpp"
#include "usable.hpp"

namespace support {

void add_training(CLI::App& command, Training& t, const std::string& data) {
  auto& options = t.training;
  command.add_option("--data", t.data, data)->required();
  command.add_option("--out", t.out, "folder for checkpoint and log")->required();
  command
      .add_option("--seed", options.seed,
                  "of initial parameters, of what is cut and changed in images, and of noise")
      ->check(seed())
      ->capture_default_str();
  command.add_option("--batch", options.batch, "images in a step")->check(positive())->capture_default_str();
  add_micro_batch(command, options.micro_batch);
  command.add_flag(
      "--reversible", t.reversible,
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
  command.add_flag("--resume", t.resume, "go on from the checkpoint in --out");
  command
      .add_option("--from", t.from,
                  "begin with the weights of this model, such as the one in the box, not with random ones")
      ->excludes("--resume");
  add_skip_bad(command, t.skip_bad);
  add_computing(command, t.computing, /*may_try=*/true);
}

void replaced_by_from(CLI::App& command, const std::vector<std::string>& options) {
  for (const auto& name : options) command.get_option("--from")->excludes(name);
}

}  // namespace support
