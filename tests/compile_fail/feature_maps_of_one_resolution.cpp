// expect: cnf: two feature maps have the height and width of this layer
// expect: check_layer_accepts_input<0, cnf::BasicSplit<
#include "cnf/core.hpp"

using Flow = cnf::Sequential<cnf::Split>;

#ifdef CNF_PASSING_TWIN
using Maps = cnf::Features<cnf::Shape<16, 8, 8>, cnf::Shape<16, 4, 4>>;
#else
using Maps = cnf::Features<cnf::Shape<16, 8, 8>, cnf::Shape<16, 8, 8>>;
#endif

using Latents = cnf::latents_t<Flow, cnf::Shape<4, 8, 8>, Maps>;
