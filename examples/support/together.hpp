// A command as one of several processes, where torchrun, mpirun or srun started it.
//
//   support::together(*command, o->computing, [o](Replicas& replicas, const Launch& launch) { run(*o, replicas, launch); });
#pragma once

#include <CLI/CLI.hpp>
#include <filesystem>
#include <functional>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "cnf/backend/libtorch/distributed/replicas.hpp"
#include "computing.hpp"

namespace support {

using cnf::distributed::Replicas;

/// Who started the processes.
struct Launch {
  std::string name;         // the same after a restart; empty for one process alone
  bool is_restart = false;  // all were started anew after one of them had died

  /// Whether a training should go on from this checkpoint without being told to: this launch wrote it, before it restarted.
  bool continues(const std::filesystem::path& checkpoint) const;
};

/// Gives the command --timeout, and makes it run work(replicas, launch). Of several processes, which must have been started with the same program and options, the first
/// alone prints; each has its share of the cores, and its own GPU.
void together(CLI::App& command, Computing& computing, std::function<void(Replicas&, const Launch&)> work);

/// Every process's value, in the order of ranks.
std::vector<nlohmann::json> gathered(Replicas& replicas, const nlohmann::json& mine);

/// Refuses processes that see other files than the first one does; empty paths are none.
void expect_same_files(Replicas& replicas, const std::string& what,
                       const std::vector<std::filesystem::path>& files);

}  // namespace support
