// expect: cnf: expected arithmetic that knows NaN and infinity
// expect: add -fno-finite-math-only
// flags: -ffast-math
#include "cnf/core.hpp"
