// expect: cnf: a network belongs here, and this is a layer
// expect: check_layer_accepts_input<0, cnf::AffineCoupling<cnf::ActNorm
#include "cnf/core.hpp"

#ifdef CNF_PASSING_TWIN
using Flow = cnf::Sequential<cnf::AffineCoupling<cnf::ConvNet<8>>>;
#else
using Flow = cnf::Sequential<cnf::AffineCoupling<cnf::ActNorm>>;
#endif

using Latents = cnf::latents_t<Flow, cnf::Shape<4, 8, 8>>;
