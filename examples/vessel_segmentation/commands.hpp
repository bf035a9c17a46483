// The commands of the program; each declares its options and what it does. docs/programs.md has a line for each.
#pragma once

#include <CLI/CLI.hpp>

namespace vessel_segmentation {

void add_train(CLI::App& app);       // train.cpp
void add_evaluate(CLI::App& app);    // evaluate.cpp
void add_sample(CLI::App& app);      // sample.cpp
void add_synthesize(CLI::App& app);  // synthesize.cpp
void add_export(CLI::App& app);      // export.cpp

}  // namespace vessel_segmentation
