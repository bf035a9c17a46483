// expect: cnf: no feature map has the height and width of this layer
// expect: cnf::Shape<12, cnf::dynamic_over{2}, cnf::dynamic_over{2}>
#include "cnf/core.hpp"

#ifdef CNF_PASSING_TWIN
using Maps = cnf::Features<cnf::Shape<8, cnf::dynamic / 2, cnf::dynamic / 2>>;
#else
using Maps = cnf::Features<cnf::Shape<8, cnf::dynamic / 4, cnf::dynamic / 4>>;
#endif

using Flow = cnf::Sequential<cnf::Squeeze, cnf::AffineCoupling<cnf::ConvNet<8>>>;
using Latents = cnf::latents_t<Flow, cnf::Shape<3, cnf::dynamic, cnf::dynamic>, Maps>;
