// expect: cnf: a spline acts on an interval Interval<Low, High> with Low < High
#include "cnf/core.hpp"

#ifdef CNF_PASSING_TWIN
using Flow = cnf::Spline<8, cnf::Interval<2, 3>>;
#else
using Flow = cnf::Spline<8, cnf::Interval<2, 2>>;
#endif

using Latents = cnf::latents_t<Flow, cnf::Shape<4, 8, 8>>;
