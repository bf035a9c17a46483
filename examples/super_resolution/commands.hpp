// The commands of the program; each declares its options and what it does. docs/programs.md has a line for each.
#pragma once

#include <CLI/CLI.hpp>

namespace super_resolution {

struct Choice;

/// --config and --model.
void add_choice(CLI::App& command, Choice& choice);  // describe.cpp

void add_train(CLI::App& app);          // train.cpp
void add_evaluate(CLI::App& app);       // evaluate.cpp
void add_bicubic_check(CLI::App& app);  // evaluate.cpp
void add_sample(CLI::App& app);         // sample.cpp
void add_describe(CLI::App& app);       // describe.cpp
void add_export(CLI::App& app);         // export.cpp

}  // namespace super_resolution
