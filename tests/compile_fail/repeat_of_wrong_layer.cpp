// expect: cnf: a coupling needs at least two channels
// expect: check_layer_accepts_input<1, cnf::AffineCoupling<
// expect: check_layer_accepts_input<0, cnf::Repeat<4, cnf::Sequential<cnf::ActNorm, cnf::AffineCoupling<
#include "cnf/core.hpp"

// What is wrong inside a Repeat is reported by the layer inside.
using Flow = cnf::Repeat<4, cnf::Sequential<cnf::ActNorm, cnf::AffineCoupling<cnf::Mlp<8>>>>;

#ifdef CNF_PASSING_TWIN
using Latents = cnf::latents_t<Flow, cnf::Shape<2>>;
#else
using Latents = cnf::latents_t<Flow, cnf::Shape<1>>;
#endif
