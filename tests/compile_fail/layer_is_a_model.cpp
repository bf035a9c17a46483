// expect: cnf: a layer belongs here, and this is a model
// expect: check_layer_accepts_input<0, cnf::UnconditionalFlow<
#include "cnf/core.hpp"

#ifdef CNF_PASSING_TWIN
using Flow = cnf::Repeat<2, cnf::ActNorm>;
#else
using Flow = cnf::Repeat<2, cnf::UnconditionalFlow<cnf::Shape<4, 8, 8>, cnf::ActNorm>>;
#endif

using Latents = cnf::latents_t<Flow, cnf::Shape<4, 8, 8>>;
