#include "together.hpp"

#include <fmt/format.h>
#include <sched.h>
#include <torch/cuda.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdio>
#include <fstream>
#include <sstream>
#include <thread>
#include <utility>

#include "cnf/backend/libtorch/distributed/connected.hpp"
#include "cnf/io/safetensors.hpp"
#include "cnf/training/interrupt.hpp"

namespace support {
namespace {

/// FNV-1a of everything that is added.
class Digest {
 public:
  void add(const char* bytes, std::size_t count) {
    for (std::size_t i = 0; i < count; ++i) value_ = (value_ ^ std::uint8_t(bytes[i])) * 1099511628211U;
  }
  void add(const std::filesystem::path& file) {
    std::ifstream stream(file, std::ios::binary);
    std::array<char, 65536> some{};
    while (stream.read(some.data(), some.size()) || stream.gcount() > 0)
      add(some.data(), std::size_t(stream.gcount()));
  }
  std::string text() const { return fmt::format("{:016x}", value_); }

 private:
  std::uint64_t value_ = 14695981039346656037U;
};

/// What all must have been started with. Threads and devices may differ.
std::vector<std::pair<std::string, std::string>> facts(const CLI::App& command) {
  Digest program;
  program.add(std::filesystem::path("/proc/self/exe"));
  std::vector<std::pair<std::string, std::string>> all{{"program", program.text()}};
  std::istringstream options(command.get_name() + "=\n" + command.config_to_str(/*default_also=*/true));
  for (std::string line; std::getline(options, line);) {
    const auto name = line.substr(0, line.find('='));
    if (name != "threads" && name != "device" && name != line)
      all.emplace_back("--" + name, line.substr(name.size() + 1));
  }
  return all;
}

/// Where each process was given cores of its own (mpirun, srun), those; else an equal part of all.
int share_of_cores(int processes) {
  const auto all = int(std::thread::hardware_concurrency());
  cpu_set_t set;
  CPU_ZERO(&set);
  const int given = ::sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : all;
  return std::max(1, given < all ? given : all / processes);
}

}  // namespace

bool Launch::continues(const std::filesystem::path& checkpoint) const {
  if (!is_restart || !std::filesystem::exists(checkpoint)) return false;
  const auto metadata = cnf::io::read_safetensors_metadata(checkpoint);
  const auto of = metadata.find("launch");
  return of != metadata.end() && of->second == name;
}

namespace {

void run_together(const CLI::App& command, Computing& computing,
                  const std::function<void(Replicas&, const Launch&)>& work) {
  const auto world = cnf::distributed::world_from_environment();
  Launch launch;
  if (world.size > 1) {
    if (world.rank > 0 && !std::freopen("/dev/null", "w", stdout)) throw cnf::Error("cannot open /dev/null");
    launch = {.name = fmt::format("{} {}", world.run, ::getppid()), .is_restart = world.restarts > 0};
    if (computing.threads == 0) computing.threads = share_of_cores(world.local_size);
    if (const auto gpus = int(torch::cuda::device_count()); computing.device == "cuda" && gpus > 0)
      computing.device += ":" + std::to_string(world.local_rank % gpus);
    cnf::training::ignore_second_interrupts();
  }
  watch_interrupts();
  cnf::distributed::together(world,
                             {.timeout = computing.timeout,
                              .device = at::Device(computing.device),
                              .while_waiting = [] { stop_if_interrupted(); }},
                             [&](Replicas& replicas) {
                               if (replicas.size() > 1) {
                                 replicas.expect_same(facts(command));
                                 fmt::print("{} processes\n", replicas.size());
                               }
                               work(replicas, launch);
                             });
}

}  // namespace

void together(CLI::App& command, Computing& computing, std::function<void(Replicas&, const Launch&)> work) {
  command
      .add_option("--timeout", computing.timeout,
                  "seconds that processes which work together (torchrun, mpirun, srun) wait for one another")
      ->check(checked_number<double>("1 .. 86400 seconds", [](double s) { return s >= 1 && s <= 86400; }))
      ->capture_default_str();
  command.callback(
      [&command, &computing, work = std::move(work)] { run_together(command, computing, work); });
}

std::vector<nlohmann::json> gathered(Replicas& replicas, const nlohmann::json& mine) {
  // CBOR: it has numbers that are not finite
  const auto bytes = nlohmann::json::to_cbor(mine);
  std::vector<nlohmann::json> all;
  for (const auto& text : replicas.gather({bytes.begin(), bytes.end()}))
    all.push_back(nlohmann::json::from_cbor(text));
  return all;
}

void expect_same_files(Replicas& replicas, const std::string& what,
                       const std::vector<std::filesystem::path>& files) {
  if (replicas.size() == 1) return;
  Digest digest;
  int count = 0;
  for (const auto& file : files) {
    if (file.empty()) continue;
    ++count;
    const auto name = file.filename().string();
    digest.add(name.data(), name.size() + 1);
    digest.add(file);
  }
  replicas.expect_same({{what, fmt::format("{} files with the sum {}", count, digest.text())}});
}

}  // namespace support
