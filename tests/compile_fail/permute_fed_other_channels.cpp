// expect: cnf: Permute was written for another number of channels than it is fed
// expect: check_layer_accepts_input<1, cnf::Permute<11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0>, cnf::Shape<14, 4,
// 4>
#include "cnf/core.hpp"

using Flow = cnf::Sequential<cnf::ActNorm, cnf::Permute<11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0>>;

#ifdef CNF_PASSING_TWIN
using Latents = cnf::latents_t<Flow, cnf::Shape<12, 4, 4>>;
#else
using Latents = cnf::latents_t<Flow, cnf::Shape<14, 4, 4>>;
#endif
