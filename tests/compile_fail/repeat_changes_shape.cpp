// expect: cnf: Repeat<K, L> needs an L that returns the shape it takes
// expect: check_layer_accepts_input<0, cnf::Repeat<2, cnf::Sequential<cnf::Squeeze
#include "cnf/core.hpp"

#ifdef CNF_PASSING_TWIN
using Flow = cnf::Sequential<cnf::Squeeze, cnf::Repeat<2, cnf::ActNorm>>;
#else
using Flow = cnf::Sequential<cnf::Repeat<2, cnf::Sequential<cnf::Squeeze, cnf::ActNorm>>>;
#endif

using Latents = cnf::latents_t<Flow, cnf::Shape<3, 8, 8>>;
