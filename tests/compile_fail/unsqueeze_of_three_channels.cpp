// expect: cnf: Unsqueeze turns four channels into one, so their number must divide by 4
// expect: check_layer_accepts_input<1, cnf::Unsqueeze, cnf::Shape<2, 8, 8>
#include "cnf/core.hpp"

#ifdef CNF_PASSING_TWIN
using Flow = cnf::Sequential<cnf::ActNorm, cnf::Unsqueeze>;
#else
using Flow = cnf::Sequential<cnf::Split, cnf::Unsqueeze>;  // two of four channels are left
#endif

using Latents = cnf::latents_t<Flow, cnf::Shape<4, 8, 8>>;
