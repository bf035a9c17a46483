// expect: cnf: Squeeze halves height and width, so both must be even
// expect: check_layer_accepts_input<0, cnf::Squeeze, cnf::Shape<1, 8, 7>
#include "cnf/core.hpp"

using Noise = cnf::Sequential<cnf::Squeeze, cnf::AffineCoupling<cnf::ConvNet<4>>, cnf::Unsqueeze>;
#ifdef CNF_PASSING_TWIN
using Target = cnf::Shape<1, 8, 8>;
#else
using Target = cnf::Shape<1, 8, 7>;
#endif

using Spec = cnf::ConditionalFlow<Target, cnf::Shape<1>, cnf::Unconditional, cnf::Prior, cnf::Binary<Noise>>;
static_assert(Spec::check());
