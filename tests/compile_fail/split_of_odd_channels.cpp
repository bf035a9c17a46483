// expect: cnf: Split sends half of the channels away, so their number must be even
// expect: check_layer_accepts_input<0, cnf::BasicSplit<
// expect: cnf::Shape<3, 8, 8>
#include "cnf/core.hpp"

#ifdef CNF_PASSING_TWIN
using Flow = cnf::Sequential<cnf::Squeeze, cnf::Split, cnf::Prior>;
#else
using Flow = cnf::Sequential<cnf::Split, cnf::Squeeze, cnf::Prior>;
#endif

using Latents = cnf::latents_t<Flow, cnf::Shape<3, 8, 8>>;
