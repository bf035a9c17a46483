// expect: cnf: a network belongs here, and this type has no On<In, Condition, Out>
#include "cnf/core.hpp"

#ifdef CNF_PASSING_TWIN
using Flow = cnf::Sequential<cnf::SplineCoupling<cnf::ConvNet<8>>>;
#else
using Flow = cnf::Sequential<cnf::SplineCoupling<int>>;
#endif

using Latents = cnf::latents_t<Flow, cnf::Shape<4, 8, 8>>;
