// What a training tells: a line on the terminal, and a log of JSON objects.
#pragma once

#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>

#include "cnf/core/error.hpp"

namespace cnf::training {

/// The clock of all durations.
using Clock = std::chrono::steady_clock;

/// Seconds from then to now.
inline double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

/// Like printf, as a string.
template <class... T>
std::string printed(const char* format, T... values) {
  std::string text(std::size_t(std::snprintf(nullptr, 0, format, values...)), '\0');
  std::snprintf(text.data(), text.size() + 1, format, values...);
  return text;
}

/// "4:05", "1:00:00".
inline std::string duration(double seconds) {
  const auto s = long(seconds);
  return s >= 3600 ? printed("%ld:%02ld:%02ld", s / 3600, s / 60 % 60, s % 60)
                   : printed("%ld:%02ld", s / 60, s % 60);
}

/// One JSON object a line, appended; a line that can't be written is an Error.
class Log {
 public:
  /// Appends to this file.
  explicit Log(const std::filesystem::path& path) : path_(path), stream_(path, std::ios::app) { check(); }

  /// Appends a line. Error where it can't.
  void write(const nlohmann::ordered_json& line) {
    stream_ << line.dump() << std::endl;
    check();
  }

 private:
  void check() const {
    if (!stream_) throw Error("cannot write " + path_.string());
  }

  std::filesystem::path path_;
  std::ofstream stream_;
};

/// One line of the standard output that is written over on a terminal; elsewhere a line every ten seconds.
class Progress {
 public:
  /// `shows` false: says nothing.
  explicit Progress(bool shows = true) : shows_(shows), is_terminal_(shows && ::isatty(STDOUT_FILENO) != 0) {}

  /// In place of the last line, on a terminal.
  void show(const std::string& text) {
    if (!shows_) return;
    if (is_terminal_) {
      std::printf("\r\033[K%s", text.c_str());
    } else if (seconds_since(shown_) > 10 || !any_) {
      std::printf("%s\n", text.c_str());
      shown_ = Clock::now();
    }
    any_ = true;
    std::fflush(stdout);
  }
  /// Whether somebody watches.
  bool on_terminal() const { return is_terminal_; }
  /// Takes the line away.
  void clear() {
    if (is_terminal_ && any_) std::fputs("\r\033[K", stdout);
    any_ = false;
  }
  /// A line that stays.
  void end(const std::string& text) {
    if (!shows_) return;
    std::printf("%s%s\n", is_terminal_ ? "\r\033[K" : "", text.c_str());
    std::fflush(stdout);
  }

 private:
  bool shows_, is_terminal_;
  bool any_ = false;
  Clock::time_point shown_ = Clock::now();
};

}  // namespace cnf::training
