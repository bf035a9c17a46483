// expect: cnf: Logit<Margin> has a margin of 0 to 499 thousandths
#include "cnf/core.hpp"

#ifdef CNF_PASSING_TWIN
using Flow = cnf::Sequential<cnf::Logit<499>>;
#else
using Flow = cnf::Sequential<cnf::Logit<500>>;
#endif

using Latents = cnf::latents_t<Flow, cnf::Shape<4, 8, 8>>;
