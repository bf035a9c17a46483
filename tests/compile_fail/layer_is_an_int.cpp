// expect: cnf: a layer belongs here, and this type has no On<In, F>
// expect: check_layer_accepts_input<1, int,
#include "cnf/core.hpp"

#ifdef CNF_PASSING_TWIN
using Flow = cnf::Sequential<cnf::ActNorm>;
#else
using Flow = cnf::Sequential<cnf::ActNorm, int>;
#endif

using Latents = cnf::latents_t<Flow, cnf::Shape<4, 8, 8>>;
