// expect: cnf: ResidualMlp<Hidden, Blocks> needs a positive width
#include "cnf/core.hpp"

#ifdef CNF_PASSING_TWIN
using Net = cnf::ResidualMlp<4>;
#else
using Net = cnf::ResidualMlp<0>;
#endif

using Latents = cnf::latents_t<cnf::Sequential<cnf::AffineCoupling<Net>>, cnf::Shape<4>>;
