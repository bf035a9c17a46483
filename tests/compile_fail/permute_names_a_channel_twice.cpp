// expect: cnf: Permute names every channel from 0 to n - 1 once
// expect: check_layer_accepts_input<0, cnf::Permute<0, 1, 1>
#include "cnf/core.hpp"

#ifdef CNF_PASSING_TWIN
using Flow = cnf::Sequential<cnf::Permute<0, 2, 1>>;
#else
using Flow = cnf::Sequential<cnf::Permute<0, 1, 1>>;
#endif

using Latents = cnf::latents_t<Flow, cnf::Shape<3, 8, 8>>;
