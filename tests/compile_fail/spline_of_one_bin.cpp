// expect: cnf: a spline has 2 to 500 bins
#include "cnf/core.hpp"

#ifdef CNF_PASSING_TWIN
using Flow = cnf::Sequential<cnf::SplineCoupling<cnf::ConvNet<8>, 2>>;
#else
using Flow = cnf::Sequential<cnf::SplineCoupling<cnf::ConvNet<8>, 1>>;
#endif

using Latents = cnf::latents_t<Flow, cnf::Shape<4, 8, 8>>;
