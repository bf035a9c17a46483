// expect: cnf: Squeeze halves height and width, so both must be even
// expect: check_layer_accepts_input<1, cnf::Squeeze, cnf::Shape<3, 33, 32>
#include "cnf/core.hpp"

using Flow = cnf::Sequential<cnf::ActNorm, cnf::Squeeze>;

#ifdef CNF_PASSING_TWIN
using Latents = cnf::latents_t<Flow, cnf::Shape<3, 34, 32>>;
#else
using Latents = cnf::latents_t<Flow, cnf::Shape<3, 33, 32>>;
#endif
