#include "program.hpp"

#include <malloc.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cmath>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <system_error>
#include <utility>

#include "cnf/core/error.hpp"
#include "cnf/training/out_of_memory.hpp"
#include "completion.hpp"

namespace support {
namespace {

/// The first line of a message, without what a library adds below it.
std::string first_line(const std::string& text) { return text.substr(0, text.find('\n')); }

std::string work;  // what memory is needed for

/// Colours are for people: not for files and pipes, nor for who asks for none (https://no-color.org).
bool has_colours(int file) {
  const char* const none = std::getenv("NO_COLOR");
  const char* const terminal = std::getenv("TERM");
  return ::isatty(file) != 0 && (!none || !*none) && (!terminal || std::string(terminal) != "dumb");
}

int fail(const std::string& name, const std::string& message) {
  const bool red = has_colours(STDERR_FILENO);
  std::fprintf(stderr, "%s%s:%s %s\n", red ? "\033[1;31m" : "", name.c_str(), red ? "\033[0m" : "",
               first_line(message).c_str());
  return 2;
}

}  // namespace

CLI::Validator positive() {
  return checked_number<double>("a number above 0", [](double v) { return std::isfinite(v) && v > 0; });
}
CLI::Validator not_negative() {
  return checked_number<double>("a number of at least 0",
                                [](double v) { return std::isfinite(v) && v >= 0; });
}

CLI::Validator seed() {
  return CLI::Validator(
      [](std::string& text) {
        std::uint64_t value = 0;
        const auto* end = text.data() + text.size();
        const auto [stop, error] = std::from_chars(text.data(), end, value);
        return error == std::errc() && stop == end
                   ? std::string()
                   : "expected a whole number of 0 .. 18446744073709551615, got " + text;
      },
      "");
}
CLI::Validator temperature() {
  return checked_number<double>("a temperature of 0 .. 100", [](double v) { return v >= 0 && v <= 100; });
}

void working_on(std::string what) { work = std::move(what); }

std::filesystem::path beside(const std::filesystem::path& file, const std::string& ending,
                             const std::string& extension,
                             const std::function<bool(const std::filesystem::path&)>& is_free) {
  for (int version = 1;; ++version) {
    auto path = file.parent_path() / (file.stem().string() + ending +
                                      (version > 1 ? "." + std::to_string(version) : "") + extension);
    if (is_free(path)) return path;
  }
}

void expect_folder(const std::filesystem::path& folder) {
  auto there = folder.lexically_normal();
  if (!there.has_filename()) there = there.parent_path();  // a/b/
  std::error_code ignored;
  while (!there.empty() && !std::filesystem::exists(there, ignored)) there = there.parent_path();
  if (there.empty()) there = ".";
  const auto fail = [&](int reason) {
    throw cnf::Error("cannot write into " + folder.string() + ": " + std::generic_category().message(reason));
  };
  if (!std::filesystem::is_directory(there, ignored)) fail(ENOTDIR);
  if (::access(there.c_str(), W_OK | X_OK) != 0) fail(errno);
}

void keep_memory(int largest) {
  mallopt(M_MMAP_THRESHOLD, largest);
  mallopt(M_TRIM_THRESHOLD, 2047 << 20);
}

void give_back_memory() { malloc_trim(0); }

int run_program(const std::string& name, int argc, char** argv,
                const std::function<void(CLI::App&)>& add_commands) {
  // A file that grows beyond a limit is a full disk: an error of the write, not a signal.
  std::signal(SIGXFSZ, SIG_IGN);
  keep_memory();
  try {
    CLI::App app;
    app.name(name);
    app.require_subcommand(1);
    app.set_help_all_flag("--help-all", "print the help of all commands");
    app.footer("Exit status: 0; 2 after a bad command line, bad input or a full disk; 130 after Ctrl-C.");
    add_commands(app);
    add_completion(app);
    try {
      app.parse(argc, argv);
    } catch (const CLI::ParseError& error) {
      if (error.get_exit_code() == 0) return app.exit(error);  // --help
      // CLI11 only says that it misses a command, not which word it took for none
      if (const auto unknown = app.remaining(); app.get_subcommands().empty() && !unknown.empty())
        return fail(name, "unknown command: " + unknown.front() + " (see " + name + " --help)");
      return fail(name, first_line(error.what()) + " (see " + name + " --help)");
    }
    return 0;
  } catch (const Interrupted&) {
    return 130;
  } catch (const cnf::Stopped&) {
    return 2;
  } catch (const cnf::Error& error) {
    return fail(name, error.what());
  } catch (const std::exception& error) {
    if (cnf::training::is_out_of_memory(error))
      return fail(name, "out of memory" + (work.empty() ? "" : " for " + work) +
                            ": expected an image, or a batch, for which there is enough; cut it into parts, "
                            "or take a smaller --batch or --tile (" +
                            first_line(error.what()) + ")");
    return fail(name, error.what());
  }
}

}  // namespace support
