// A program as a user starts it: a command line in; exit status, stdout and stderr out.
//
//     const auto done = run({CNF_BIN_DIR "/super_resolution", "--help"});
//     Process training({...});  training.interrupt();  training.wait();
#pragma once

#include <fcntl.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <cstdlib>
#include <deque>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

struct Finished {
  int status = -1;  // as a shell says it: 128 + n after signal n
  std::string out, err;
};

struct RunOptions {
  rlim_t largest_file = RLIM_INFINITY;  // bytes, as after `ulimit -f`: a disk that is full
  std::vector<std::pair<std::string, std::string>> environment = {};  // beside that of the test
  rlim_t largest_memory = RLIM_INFINITY;                              // bytes of address space
};

class Process {
 public:
  explicit Process(std::vector<std::string> arguments, const RunOptions& options = {}) {
    std::vector<char*> argv;
    for (auto& argument : arguments) argv.push_back(argument.data());
    argv.push_back(nullptr);
    std::array<std::array<int, 2>, 2> pipes{};
    for (auto& ends : pipes)
      if (::pipe2(ends.data(), O_CLOEXEC) != 0) throw std::runtime_error("cannot make a pipe");
    child_ = ::fork();
    if (child_ < 0) throw std::runtime_error("cannot start " + arguments[0]);
    if (child_ == 0) {
      ::dup2(pipes[0][1], STDOUT_FILENO);
      ::dup2(pipes[1][1], STDERR_FILENO);
      const rlimit limit{options.largest_file, RLIM_INFINITY};
      if (options.largest_file != RLIM_INFINITY) ::setrlimit(RLIMIT_FSIZE, &limit);
      const rlimit memory{options.largest_memory, RLIM_INFINITY};
      if (options.largest_memory != RLIM_INFINITY) ::setrlimit(RLIMIT_AS, &memory);
      for (const auto& [name, value] : options.environment) ::setenv(name.c_str(), value.c_str(), 1);
      ::execv(argv[0], argv.data());
      ::_exit(127);
    }
    for (std::size_t i = 0; i < 2; ++i) {
      ::close(pipes[i][1]);
      from_[i] = pipes[i][0];
    }
  }
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;
  ~Process() {
    if (child_ > 0) {
      ::kill(child_, SIGKILL);
      ::waitpid(child_, nullptr, 0);
    }
    for (const int end : from_)
      if (end >= 0) ::close(end);
  }

  /// Ctrl-C.
  void interrupt() const { ::kill(child_, SIGINT); }
  /// As the kernel does when memory runs out.
  void kill() const { ::kill(child_, SIGKILL); }

  /// Whether it has ended by itself; wait() still gives the rest.
  bool ended() const {
    siginfo_t info{};
    return ::waitid(P_PID, static_cast<id_t>(child_), &info, WEXITED | WNOHANG | WNOWAIT) == 0 &&
           info.si_pid != 0;
  }

  /// Reads until the end, and then the status.
  Finished wait() {
    Finished done;
    const std::array<std::string*, 2> to{&done.out, &done.err};
    while (from_[0] >= 0 || from_[1] >= 0) {
      std::array<pollfd, 2> waiting{{{from_[0], POLLIN, 0}, {from_[1], POLLIN, 0}}};
      if (::poll(waiting.data(), waiting.size(), 120'000) == 0) {
        ::kill(child_, SIGKILL);
        done.err += "the test waited for two minutes in vain\n";
      }
      for (std::size_t i = 0; i < 2; ++i) {
        if (waiting[i].revents == 0) continue;
        std::array<char, 4096> buffer{};
        const auto count = ::read(from_[i], buffer.data(), buffer.size());
        if (count > 0)
          to[i]->append(buffer.data(), static_cast<std::size_t>(count));
        else
          ::close(std::exchange(from_[i], -1));
      }
    }
    int status = 0;
    ::waitpid(std::exchange(child_, -1), &status, 0);
    done.status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    return done;
  }

 private:
  pid_t child_ = -1;
  std::array<int, 2> from_{-1, -1};
};

using Arguments = std::vector<std::string>;

inline Finished run(const Arguments& arguments, const RunOptions& options = {}) {
  return Process(arguments, options).wait();
}

/// Runs all, two at a time.
inline std::vector<Finished> run_all(const std::vector<Arguments>& command_lines,
                                     const RunOptions& options = {}) {
  std::vector<Finished> done;
  std::deque<Process> running;
  for (const auto& arguments : command_lines) {
    running.emplace_back(arguments, options);
    if (running.size() < 2) continue;
    done.push_back(running.front().wait());
    running.pop_front();
  }
  for (auto& process : running) done.push_back(process.wait());
  return done;
}
