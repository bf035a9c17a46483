// expect: cnf: Repeat<K, L> needs K of at least 1
// expect: check_layer_accepts_input<1, cnf::Repeat<0, cnf::ActNorm>
#include "cnf/core.hpp"

#ifdef CNF_PASSING_TWIN
using Flow = cnf::Sequential<cnf::Squeeze, cnf::Repeat<1, cnf::ActNorm>>;
#else
using Flow = cnf::Sequential<cnf::Squeeze, cnf::Repeat<0, cnf::ActNorm>>;
#endif

using Latents = cnf::latents_t<Flow, cnf::Shape<3, 8, 8>>;
