// expect: cnf: HaarSqueeze halves height and width
// expect: check_layer_accepts_input<0, cnf::HaarSqueeze
#include "cnf/core.hpp"

#ifdef CNF_PASSING_TWIN
using Latents = cnf::latents_t<cnf::HaarSqueeze, cnf::Shape<3, 4, 6>>;
#else
using Latents = cnf::latents_t<cnf::HaarSqueeze, cnf::Shape<3, 4, 5>>;
#endif
