// expect: cnf: a network belongs here, and this is an extractor
// expect: check_layer_accepts_input<0, cnf::BasicSplit<cnf::Rrdb<
#include "cnf/core.hpp"

#ifdef CNF_PASSING_TWIN
using Flow = cnf::Sequential<cnf::BasicSplit<cnf::ConvNet<8>>>;
#else
using Flow = cnf::Sequential<cnf::BasicSplit<cnf::Rrdb<1, 4, 8, 1>>>;
#endif

using Latents = cnf::latents_t<Flow, cnf::Shape<4, 8, 8>>;
