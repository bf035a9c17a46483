// Ctrl-C: work that takes long watches for it and ends in order.
//
//   watch_interrupts();
//   while (!interrupted()) ...
#pragma once

#include <csignal>

namespace cnf::training {

/// Thrown by what Ctrl-C ended after it had put everything in order.
struct Interrupted {};

namespace detail {

inline volatile std::sig_atomic_t signalled = 0, ends_at_second = 1;

inline void on_signal(int number) {
  signalled = 1;
  if (ends_at_second) std::signal(number, SIG_DFL);
}

}  // namespace detail

/// While it lives, SIGINT and SIGTERM are noted; afterwards they do what they did before, and nothing is noted.
class InterruptWatch {
 public:
  InterruptWatch()
      : interrupt_(std::signal(SIGINT, detail::on_signal)), end_(std::signal(SIGTERM, detail::on_signal)) {}
  InterruptWatch(const InterruptWatch&) = delete;
  InterruptWatch& operator=(const InterruptWatch&) = delete;
  ~InterruptWatch() {
    detail::signalled = 0;
    std::signal(SIGINT, interrupt_);
    std::signal(SIGTERM, end_);
  }

 private:
  using Handler = void (*)(int);
  Handler interrupt_, end_;
};

/// From now on SIGINT and SIGTERM are noted; a second one ends the program at once.
inline void watch_interrupts() {
  std::signal(SIGINT, detail::on_signal);
  std::signal(SIGTERM, detail::on_signal);
}

/// From now on a second one changes nothing: a launcher of several processes passes on what the terminal has sent already,
/// and ends who does not listen itself.
inline void ignore_second_interrupts() { detail::ends_at_second = 0; }

/// Whether one has come.
inline bool interrupted() { return detail::signalled != 0; }

/// Throws Interrupted after Ctrl-C.
inline void stop_if_interrupted() {
  if (interrupted()) throw Interrupted{};
}

}  // namespace cnf::training
