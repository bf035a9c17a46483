#include "completion.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <memory>
#include <vector>

namespace support {
namespace {

using Words = std::vector<std::string>;

Words names_of(const CLI::Option& option) {
  Words names;
  for (const auto& name : option.get_lnames()) names.push_back("--" + name);
  return names;
}

/// The values that an option takes, where they are few and known: those that CLI11 shows in braces.
Words values_of(const CLI::Option& option) {
  const auto type = option.get_type_name();
  const auto open = type.find('{'), close = type.find('}');
  if (option.get_items_expected_max() == 0 || open == std::string::npos || close == std::string::npos)
    return {};
  Words values;
  for (auto value : CLI::detail::split(type.substr(open + 1, close - open - 1), ','))
    values.push_back(value.substr(0, value.find("->")));
  return values;
}

/// The app's own: --help and the like.
Words options_of(const CLI::App& app) {
  Words names;
  for (const auto* option : app.get_options())
    for (const auto& name : names_of(*option)) names.push_back(name);
  return names;
}

Words commands_of(const CLI::App& app) {
  Words names;
  for (const auto* command : app.get_subcommands({})) names.push_back(command->get_name());
  return names;
}

/// act(command, option) for all of them.
template <class Act>
void for_each_option(const CLI::App& app, const Act& act) {
  for (const auto* command : app.get_subcommands({}))
    for (const auto* option : command->get_options()) act(*command, *option);
}

std::string for_bash(const CLI::App& app) {
  std::string values, options;
  for_each_option(app, [&](const CLI::App& command, const CLI::Option& option) {
    const auto known = values_of(option);
    auto after = names_of(option);
    if (option.get_positional()) after.push_back(command.get_name());
    for (const auto& word : known.empty() ? Words() : after)
      values += fmt::format("    {}:{}) words='{}' ;;\n", command.get_name(), word, fmt::join(known, " "));
  });
  for (const auto* command : app.get_subcommands({}))
    options +=
        fmt::format("      {}) words='{}' ;;\n", command->get_name(), fmt::join(options_of(*command), " "));
  return fmt::format(R"(_{0}() {{
  local word=${{COMP_WORDS[COMP_CWORD]}} before=${{COMP_WORDS[COMP_CWORD - 1]}} command= words=
  [[ $COMP_CWORD -gt 1 ]] && command=${{COMP_WORDS[1]}}
  [[ $word == = ]] && word=
  [[ $before == = ]] && before=${{COMP_WORDS[COMP_CWORD - 2]}}
  case $command:$before in
{1}  esac
  if [[ -z $words && -z $command ]]; then
    words='{2} {4}'
  elif [[ -z $words && $word == -* ]]; then
    case $command in
{3}    esac
  fi
  COMPREPLY=($(compgen -W "$words" -- "$word"))
}}
complete -o default -F _{0} {0}
)",
                     app.get_name(), values, fmt::join(commands_of(app), " "), options,
                     fmt::join(options_of(app), " "));
}

std::string quoted(std::string text) {
  for (std::size_t i = 0; (i = text.find('\'', i)) != std::string::npos; i += 2) text.insert(i, "\\");
  return "'" + text + "'";
}

std::string for_fish(const CLI::App& app) {
  std::string script;
  for (const auto* command : app.get_subcommands({}))
    script += fmt::format("complete -c {} -n __fish_use_subcommand -f -a {} -d {}\n", app.get_name(),
                          command->get_name(), quoted(command->get_description()));
  for (const auto* option : app.get_options())
    for (const auto& name : option->get_lnames())
      script += fmt::format("complete -c {} -n __fish_use_subcommand -f -l {} -d {}\n", app.get_name(), name,
                            quoted(option->get_description()));
  for_each_option(app, [&](const CLI::App& command, const CLI::Option& option) {
    const auto values = values_of(option);
    if (option.get_positional() && !values.empty())
      script += fmt::format("complete -c {} -n '__fish_seen_subcommand_from {}' -f -a '{}'\n", app.get_name(),
                            command.get_name(), fmt::join(values, " "));
    for (const auto& name : option.get_lnames())
      script +=
          fmt::format("complete -c {} -n '__fish_seen_subcommand_from {}' -l {}{}{} -d {}\n", app.get_name(),
                      command.get_name(), name, option.get_items_expected_max() > 0 ? " -r" : "",
                      values.empty() ? "" : fmt::format(" -f -a '{}'", fmt::join(values, " ")),
                      quoted(option.get_description()));
  });
  return script;
}

}  // namespace

std::string completion(const CLI::App& app, const std::string& shell) {
  if (shell == "fish") return for_fish(app);
  return (shell == "zsh" ? "(( $+functions[compdef] )) || { autoload -Uz compinit && compinit; }\n"
                           "autoload -U +X bashcompinit && bashcompinit\n"
                         : "") +
         for_bash(app);
}

void add_completion(CLI::App& app) {
  auto* command = app.add_subcommand("completion",
                                     "a script with which a shell completes this program's "
                                     "command lines: source <(... completion bash)");
  auto shell = std::make_shared<std::string>();
  command->add_option("shell", *shell, "bash, zsh or fish")
      ->required()
      ->check(CLI::IsMember({"bash", "zsh", "fish"}));
  command->callback([&app, shell] { fmt::print("{}", completion(app, *shell)); });
}

}  // namespace support
