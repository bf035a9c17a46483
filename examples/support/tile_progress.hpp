// Long work in tiles (core/tiles.hpp), told and stopped: a line with the part done and the time left on a terminal, nothing
// elsewhere; Ctrl-C ends it at the next tile.
//
//   const support::TileProgress progress("photograph.jpg", multiply_adds);
#pragma once

#include <algorithm>
#include <string>

#include "cnf/core/tiles.hpp"
#include "cnf/training/progress.hpp"
#include "program.hpp"

namespace support {

class TileProgress {
 public:
  /// `work`: multiply-adds of all that will run while it lives.
  TileProgress(std::string what, double work)
      : what_(std::move(what)), work_(work), watch_([this](double done) { add(done); }) {}
  TileProgress(const TileProgress&) = delete;
  TileProgress& operator=(const TileProgress&) = delete;
  ~TileProgress() { clear(); }

  /// Takes the line away, for others to write.
  void clear() { line_.clear(); }

 private:
  void add(double done) {
    stop_if_interrupted();
    done_ += done;
    if (!line_.on_terminal() || cnf::training::seconds_since(last_) < 0.2) return;
    last_ = cnf::training::Clock::now();
    const double part = std::min(1.0, done_ / work_), elapsed = cnf::training::seconds_since(start_);
    line_.show(cnf::training::printed("%s: %.0f %%, %s left", what_.c_str(), 100 * part,
                                      cnf::training::duration(elapsed * (1 - part) / part).c_str()));
  }

  std::string what_;
  double work_, done_ = 0;
  cnf::training::Progress line_;
  cnf::training::Clock::time_point start_ = cnf::training::Clock::now(), last_ = start_;
  cnf::TileWatch watch_;
};

}  // namespace support
