// expect: cnf: Residual subtracts a feature map, which must have as many channels as its input
// expect: check_layer_accepts_input<0, cnf::Residual, cnf::Shape<3, 32, 32>
#include "cnf/core.hpp"

using Flow = cnf::Sequential<cnf::Residual, cnf::Squeeze>;

#ifdef CNF_PASSING_TWIN
using Maps = cnf::Features<cnf::Shape<3, 32, 32>, cnf::Shape<8, 16, 16>>;
#else
using Maps = cnf::Features<cnf::Shape<1, 32, 32>, cnf::Shape<8, 16, 16>>;  // would broadcast
#endif

using Latents = cnf::latents_t<Flow, cnf::Shape<3, 32, 32>, Maps>;
