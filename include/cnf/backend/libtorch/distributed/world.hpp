// One process among those that work together, as what started it says: torchrun, Open MPI, SLURM, or nobody.
//
//   RANK, WORLD_SIZE, LOCAL_RANK, LOCAL_WORLD_SIZE, MASTER_ADDR, MASTER_PORT      torchrun, or set by hand
//   OMPI_COMM_WORLD_RANK, _SIZE, _LOCAL_RANK, _LOCAL_SIZE                         mpirun
//   SLURM_PROCID, SLURM_STEP_NUM_TASKS, SLURM_LOCALID, SLURM_STEP_NODELIST, ...   srun
//
// MASTER_ADDR and MASTER_PORT may be set beside those of mpirun and srun, too. Without any of them a process is alone.
#pragma once

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <cstdlib>
#include <functional>
#include <optional>
#include <string>

#include "cnf/core/error.hpp"

namespace cnf::distributed {

struct World {
  /// Which of how many.
  int rank = 0, size = 1;
  int local_rank = 0, local_size = 1;  // on its machine
  std::string address = "127.0.0.1";   // of the first process's machine
  int port = 0;                        // where the first process waits for the others
  bool is_told_by_agent =
      false;         // a store of the launcher is at that port: it tells where the first process waits
  std::string run;   // which run of that launcher
  int restarts = 0;  // how often the launcher has started anew
};

namespace detail {

using Environment = std::function<const char*(const char*)>;

inline std::optional<std::string> text_of(const Environment& get, const char* name) {
  const char* text = get(name);
  if (text == nullptr || *text == '\0') return std::nullopt;
  return text;
}

inline std::optional<int> number_of(const Environment& get, const char* name, int least, int most) {
  const auto text = text_of(get, name);
  if (!text) return std::nullopt;
  int value = 0;
  const auto* end = text->data() + text->size();
  const auto [rest, error] = std::from_chars(text->data(), end, value);
  if (error != std::errc() || rest != end || value < least || value > most)
    throw Error(std::string("expected ") + name + " of " + std::to_string(least) + " .. " +
                std::to_string(most) + ", got " + *text);
  return value;
}

/// A port below those that systems give away, the same for the same job.
inline int port_of_job(const std::string& job) {
  std::uint32_t hash = 2166136261U;  // FNV-1a
  for (const char c : job) hash = (hash ^ std::uint8_t(c)) * 16777619U;
  return 20000 + int(hash % 10000);
}

/// The first of SLURM's nodes: "gpu[07-09,12],login" is gpu07.
inline std::string first_node(const std::string& list) {
  const auto bracket = list.find('['), comma = list.find(',');
  if (bracket == std::string::npos || bracket > comma) return list.substr(0, comma);
  return list.substr(0, bracket) + list.substr(bracket + 1, list.find_first_of("-,]", bracket) - bracket - 1);
}

}  // namespace detail

/// Numbers that are missing, or don't fit together: Error.
inline World world_from_environment(const detail::Environment& get = [](const char* name) {
  return std::getenv(name);
}) {
  using detail::number_of, detail::text_of;
  constexpr int most = 1 << 20;
  World w;
  std::string job;
  bool is_mpi = false;
  const auto take = [&](const char* rank, const char* size, const char* local_rank, const char* local_size) {
    const auto r = number_of(get, rank, 0, most), n = number_of(get, size, 1, most);
    if (!r || !n)
      throw Error(std::string("expected ") + rank + " and " + size + " together, got no " +
                  (r ? size : rank));
    if (*r >= *n)
      throw Error(std::string("expected ") + rank + " below " + size + ", got " + std::to_string(*r) +
                  " of " + std::to_string(*n));
    w.rank = *r;
    w.size = *n;
    w.local_rank = number_of(get, local_rank, 0, most).value_or(0);
    w.local_size = number_of(get, local_size, 1, most).value_or(1);
  };
  if (text_of(get, "RANK") || text_of(get, "WORLD_SIZE")) {
    take("RANK", "WORLD_SIZE", "LOCAL_RANK", "LOCAL_WORLD_SIZE");
    w.is_told_by_agent = text_of(get, "TORCHELASTIC_USE_AGENT_STORE") == "True";
    w.run = text_of(get, "TORCHELASTIC_RUN_ID").value_or("");
    w.restarts = number_of(get, "TORCHELASTIC_RESTART_COUNT", 0, most).value_or(0);
  } else if (text_of(get, "OMPI_COMM_WORLD_SIZE")) {
    take("OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_SIZE", "OMPI_COMM_WORLD_LOCAL_RANK",
         "OMPI_COMM_WORLD_LOCAL_SIZE");
    is_mpi = true;
    job = text_of(get, "PMIX_NAMESPACE").value_or(text_of(get, "OMPI_MCA_ess_base_jobid").value_or("mpirun"));
  } else if (text_of(get, "SLURM_STEP_NUM_TASKS") && text_of(get, "SLURM_PROCID")) {
    take("SLURM_PROCID", "SLURM_STEP_NUM_TASKS", "SLURM_LOCALID", "SLURM_NTASKS_PER_NODE");
    // "2(x3),1": two on each of the first three nodes
    if (const auto tasks = text_of(get, "SLURM_STEP_TASKS_PER_NODE"))
      w.local_size = std::max(1, std::atoi(tasks->c_str()));
    job = text_of(get, "SLURM_JOB_ID").value_or("") + "." + text_of(get, "SLURM_STEP_ID").value_or("");
    if (const auto nodes = text_of(get, "SLURM_STEP_NODELIST")) w.address = detail::first_node(*nodes);
  }
  if (w.size == 1) return w;
  if (const auto address = text_of(get, "MASTER_ADDR"))
    w.address = *address;
  else if (job.empty() || (is_mpi && w.local_size < w.size))
    throw Error("expected MASTER_ADDR, the address of the first of " + std::to_string(w.size) +
                " processes, got none");
  if (const auto port = number_of(get, "MASTER_PORT", 1, 65535))
    w.port = *port;
  else if (job.empty())
    throw Error("expected MASTER_PORT, where the first of " + std::to_string(w.size) +
                " processes waits, got none");
  else
    w.port = detail::port_of_job(job);
  return w;
}

}  // namespace cnf::distributed
