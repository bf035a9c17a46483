// A command as one of several processes, where torchrun, mpirun or srun started it.
//
//   support::together(*command, computing, [&](Replicas& replicas, bool is_restart) { ... });
#pragma once

#include <CLI/CLI.hpp>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "cnf/backend/libtorch/distributed/replicas.hpp"
#include "computing.hpp"

namespace support {

using cnf::distributed::Replicas;

/// Runs work(replicas, is_restart). Of several processes, which must have been started with the same program and options, the
/// first alone prints; each has its share of the cores, and its own GPU. `is_restart`: the launcher started all anew after
/// one of them had died.
void together(const CLI::App& command, Computing& computing,
              const std::function<void(Replicas&, bool is_restart)>& work);

/// Refuses processes that see other files than the first one does.
void expect_same_files(Replicas& replicas, const std::string& what,
                       const std::vector<std::filesystem::path>& files);

}  // namespace support
