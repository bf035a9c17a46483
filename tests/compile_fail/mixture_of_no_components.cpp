// expect: cnf: a mixture has 1 to 100 components
#include "cnf/core.hpp"

#ifdef CNF_PASSING_TWIN
using Flow = cnf::Sequential<cnf::Mixture<1>>;
#else
using Flow = cnf::Sequential<cnf::Mixture<0>>;
#endif

using Latents = cnf::latents_t<Flow, cnf::Shape<4, 8, 8>>;
