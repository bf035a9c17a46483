// expect: cnf: an extent is an int, or dynamic
#include "cnf/core.hpp"

#ifdef CNF_PASSING_TWIN
using In = cnf::Shape<3, 32, 32>;
#else
using In = cnf::Shape<3, 32L, 32>;
#endif

static_assert(In::channels == 3);
