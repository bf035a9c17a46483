// expect: cnf: a layer belongs here, and this is a dequantizer
// expect: check_layer_accepts_input<0, cnf::Uniform<8>
#include "cnf/core.hpp"

#ifdef CNF_PASSING_TWIN
using Flow = cnf::Sequential<cnf::Squeeze>;
#else
using Flow = cnf::Sequential<cnf::Uniform<8>, cnf::Squeeze>;
#endif

using Latents = cnf::latents_t<Flow, cnf::Shape<4, 8, 8>>;
