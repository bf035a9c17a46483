// The options that every training has on the command line; the loop is cnf's (cnf/training/train.hpp).
#pragma once

#include <CLI/CLI.hpp>
#include <filesystem>
#include <string>
#include <vector>

#include "cnf/training/train.hpp"

namespace support {

/// --batch, --micro-batch, --reversible, --time-limit, --lr, --average, --checkpoint-minutes, --no-graph and --resume.
void add_training(CLI::App& command, cnf::training::TrainingOptions& options, bool& reversible, bool& resume);

/// --from: the model whose weights a training begins with, in place of what `chosen` choose.
void add_from(CLI::App& command, std::filesystem::path& from, const std::vector<std::string>& chosen);

}  // namespace support
