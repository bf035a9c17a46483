// Several processes on this machine, as a launcher starts them.
#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <memory>

#include "support/run.hpp"

/// A port of 127.0.0.1 that nobody has.
inline int free_port() {
  const int socket = ::socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t length = sizeof address;
  const bool ok = ::bind(socket, reinterpret_cast<sockaddr*>(&address), length) == 0 &&
                  ::getsockname(socket, reinterpret_cast<sockaddr*>(&address), &length) == 0;
  ::close(socket);
  if (!ok) throw std::runtime_error("no free port");
  return ntohs(address.sin_port);
}

class Group {
 public:
  /// One command line a process.
  explicit Group(const std::vector<Arguments>& processes, const RunOptions& options = {}) {
    const auto port = std::to_string(free_port()), size = std::to_string(processes.size());
    for (std::size_t rank = 0; rank < processes.size(); ++rank) {
      auto one = options;
      for (const auto& [name, value] :
           std::vector<std::pair<std::string, std::string>>{{"RANK", std::to_string(rank)},
                                                            {"LOCAL_RANK", std::to_string(rank)},
                                                            {"WORLD_SIZE", size},
                                                            {"LOCAL_WORLD_SIZE", size},
                                                            {"MASTER_ADDR", "127.0.0.1"},
                                                            {"MASTER_PORT", port}})
        one.environment.emplace_back(name, value);
      all_.push_back(std::make_unique<Process>(processes[rank], one));
    }
  }
  Group(std::size_t count, const Arguments& arguments, const RunOptions& options = {})
      : Group(std::vector<Arguments>(count, arguments), options) {}

  Process& operator[](std::size_t rank) { return *all_[rank]; }
  std::vector<Finished> wait() {
    std::vector<Finished> done;
    for (auto& process : all_) done.push_back(process->wait());
    return done;
  }

 private:
  std::vector<std::unique_ptr<Process>> all_;
};
