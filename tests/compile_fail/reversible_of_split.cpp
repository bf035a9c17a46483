// expect: cnf: Reversible<L> rebuilds the input of L from its output, so L must emit no latents
// expect: check_layer_accepts_input<1, cnf::Reversible<cnf::Sequential<cnf::Repeat<2, cnf::ActNorm>
#include "cnf/core.hpp"

using Steps = cnf::Repeat<2, cnf::ActNorm>;
#ifdef CNF_PASSING_TWIN
using Flow = cnf::Sequential<cnf::Squeeze, cnf::Reversible<Steps>, cnf::Split>;
#else
using Flow = cnf::Sequential<cnf::Squeeze, cnf::Reversible<cnf::Sequential<Steps, cnf::Split>>>;
#endif

using Latents = cnf::latents_t<Flow, cnf::Shape<3, 8, 8>>;
