// expect: cnf: Orthogonal1x1 mixes channels
// expect: check_layer_accepts_input<0, cnf::Orthogonal1x1<
#include "cnf/core.hpp"

#ifdef CNF_PASSING_TWIN
using Latents = cnf::latents_t<cnf::Orthogonal1x1<>, cnf::Shape<2, 4, 4>>;
#else
using Latents = cnf::latents_t<cnf::Orthogonal1x1<>, cnf::Shape<1, 4, 4>>;
#endif
