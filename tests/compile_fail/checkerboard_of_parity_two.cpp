// expect: cnf: CheckerboardCoupling keeps the pixels of parity 0 or 1
#include "cnf/core.hpp"

#ifdef CNF_PASSING_TWIN
using Flow = cnf::Sequential<cnf::CheckerboardCoupling<cnf::ConvNet<4>, 1>>;
#else
using Flow = cnf::Sequential<cnf::CheckerboardCoupling<cnf::ConvNet<4>, 2>>;
#endif

using Latents = cnf::latents_t<Flow, cnf::Shape<4, 8, 8>>;
