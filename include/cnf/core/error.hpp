// The one exception type of the library.
//
// Its text names what was given and what was expected, in one line:
//     expected (N, 3, H, W) with H, W divisible by 4, got (2, 3, 33, 32)
// Programs print it and exit with status 2.
#pragma once

#include <stdexcept>

namespace cnf {

struct Error : std::runtime_error {
  using std::runtime_error::runtime_error;
};

}  // namespace cnf
