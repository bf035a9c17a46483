// The one exception type of the library.
//
// Its text names what was given and what was expected, in one line:
//     expected an input of 3xH/2xW/2, got (2, 4, 5, 7)
// Programs print it and exit with status 2.
#pragma once

#include <stdexcept>

#if defined(__FINITE_MATH_ONLY__) && __FINITE_MATH_ONLY__
#error \
    "cnf: expected arithmetic that knows NaN and infinity, by which a flow that breaks is told, got -ffinite-math-only (of -ffast-math or -Ofast): add -fno-finite-math-only"
#endif

namespace cnf {

struct Error : std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// What ended another process, which said so, ended this one, too: a program need not say it again.
struct Stopped : Error {
  using Error::Error;
};

}  // namespace cnf
