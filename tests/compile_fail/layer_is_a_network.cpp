// expect: cnf: a layer belongs here, and this is a network: it goes into a layer
// expect: check_layer_accepts_input<1, cnf::ConvNet<8
#include "cnf/core.hpp"

#ifdef CNF_PASSING_TWIN
using Flow = cnf::Sequential<cnf::ActNorm, cnf::AffineCoupling<cnf::ConvNet<8>>>;
#else
using Flow = cnf::Sequential<cnf::ActNorm, cnf::ConvNet<8>>;
#endif

using Latents = cnf::latents_t<Flow, cnf::Shape<4, 8, 8>>;
