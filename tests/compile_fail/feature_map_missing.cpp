// expect: cnf: no feature map has the height and width of this layer
// expect: check_layer_accepts_input<3, cnf::BasicPrior<
#include "cnf/core.hpp"

// The prior acts at 8x8, and the extractor made a map for 16x16 only.
using Flow = cnf::Sequential<cnf::Squeeze, cnf::AffineCoupling<cnf::ConvNet<8>>, cnf::Squeeze, cnf::Prior>;

#ifdef CNF_PASSING_TWIN
using Maps = cnf::Features<cnf::Shape<16, 16, 16>, cnf::Shape<16, 8, 8>>;
#else
using Maps = cnf::Features<cnf::Shape<16, 16, 16>>;
#endif

using Latents = cnf::latents_t<Flow, cnf::Shape<3, 32, 32>, Maps>;
