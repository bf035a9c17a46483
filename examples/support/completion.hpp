// The command `completion`: what a shell needs to complete a program's commands, options and their values.
//
//   source <(super_resolution completion bash)
#pragma once

#include <CLI/CLI.hpp>
#include <string>

namespace support {

/// The script for bash, zsh or fish; file names complete where nothing better is known.
std::string completion(const CLI::App& app, const std::string& shell);

/// Adds the command. The app must outlive its parsing.
void add_completion(CLI::App& app);

}  // namespace support
