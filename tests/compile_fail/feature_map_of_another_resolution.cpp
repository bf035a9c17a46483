// expect: cnf: no feature map has the height and width of this layer
// expect: check_layer_accepts_input<1, cnf::AffineCoupling<cnf::ConvNet<8
// expect: cnf::Shape<12, 16, 16>
#include "cnf/core.hpp"

using Flow = cnf::Sequential<cnf::Squeeze, cnf::AffineCoupling<cnf::ConvNet<8>>>;

// A map that broadcasts or is stretched elsewhere: one pixel high.
#ifdef CNF_PASSING_TWIN
using Maps = cnf::Features<cnf::Shape<16, 16, 16>>;
#else
using Maps = cnf::Features<cnf::Shape<16, 1, 16>>;
#endif

using Latents = cnf::latents_t<Flow, cnf::Shape<3, 32, 32>, Maps>;
