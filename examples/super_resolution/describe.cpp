#include <fmt/format.h>

#include <memory>

#include "commands.hpp"
#include "model.hpp"

namespace super_resolution {

void add_choice(CLI::App& command, Choice& choice) {
  command.add_option("--config", choice.config, "small, base or paper")
      ->check(CLI::IsMember({"small", "base", "paper"}))
      ->capture_default_str();
  command.add_option("--model", choice.model, "cnf or factorised")
      ->check(CLI::IsMember({"cnf", "factorised"}))
      ->capture_default_str();
}

void add_describe(CLI::App& app) {
  auto* command = app.add_subcommand(
      "describe", "print a model's architecture with shapes, parameters and multiply-adds");
  auto choice = std::make_shared<Choice>();
  add_choice(*command, *choice);
  command->callback([choice] { fmt::print("{}", describe_model(*choice)); });
}

}  // namespace super_resolution
