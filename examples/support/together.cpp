#include "together.hpp"

#include <fmt/format.h>
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

}  // namespace

void together(const CLI::App& command, Computing& computing,
              const std::function<void(Replicas&, bool is_restart)>& work) {
  const auto world = cnf::distributed::world_from_environment();
  if (world.size > 1) {
    if (world.rank > 0 && !std::freopen("/dev/null", "w", stdout)) throw cnf::Error("cannot open /dev/null");
    const auto cores = int(std::thread::hardware_concurrency());
    if (computing.threads == 0) computing.threads = std::max(1, cores / world.local_size);
    if (computing.device == "cuda") computing.device += ":" + std::to_string(world.local_rank);
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
                               work(replicas, world.restarts > 0);
                             });
}

void expect_same_files(Replicas& replicas, const std::string& what,
                       const std::vector<std::filesystem::path>& files) {
  if (replicas.size() == 1) return;
  Digest digest;
  for (const auto& file : files) {
    const auto name = file.filename().string();
    digest.add(name.data(), name.size() + 1);
    digest.add(file);
  }
  replicas.expect_same({{what, fmt::format("{} files with the sum {}", files.size(), digest.text())}});
}

}  // namespace support
