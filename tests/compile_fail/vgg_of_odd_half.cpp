// expect: cnf: VggLike halves height and width twice, so both must divide by 4
#include "cnf/core.hpp"

#ifdef CNF_PASSING_TWIN
using Input = cnf::Shape<3, 32, 32>;
#else
using Input = cnf::Shape<3, 30, 32>;
#endif

static_assert(cnf::VggLike<4, 4, 4>::On<Input>::check());
