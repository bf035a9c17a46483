// expect: cnf: a coupling needs at least two channels
// expect: check_layer_accepts_input<0, cnf::AdditiveCoupling<
#include "cnf/core.hpp"

using Coupling = cnf::AdditiveCoupling<cnf::ConvNet<8>>;

#ifdef CNF_PASSING_TWIN
using Flow = cnf::Sequential<cnf::Squeeze, Coupling>;
#else
using Flow = cnf::Sequential<Coupling, cnf::Squeeze>;
#endif

using Latents = cnf::latents_t<Flow, cnf::Shape<1, 8, 8>>;
