// expect: cnf: Orthogonal1x1<Reflections> is a product of 1 or more
#include "cnf/core.hpp"

#ifdef CNF_PASSING_TWIN
using Flow = cnf::Sequential<cnf::Orthogonal1x1<1>>;
#else
using Flow = cnf::Sequential<cnf::Orthogonal1x1<-1>>;
#endif

using Latents = cnf::latents_t<Flow, cnf::Shape<4, 8, 8>>;
