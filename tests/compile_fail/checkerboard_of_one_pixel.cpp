// expect: cnf: a checkerboard needs more than one pixel
// expect: check_layer_accepts_input<0, cnf::CheckerboardCoupling<
#include "cnf/core.hpp"

#ifdef CNF_PASSING_TWIN
using Flow = cnf::CheckerboardCoupling<cnf::ConvNet<8>>;
using Latents = cnf::latents_t<Flow, cnf::Shape<4, 1, 2>>;
#else
using Flow = cnf::CheckerboardCoupling<cnf::ConvNet<8>>;
using Latents = cnf::latents_t<Flow, cnf::Shape<4>>;
#endif
