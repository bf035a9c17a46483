// expect: cnf: a dequantizer's noise flow turns noise of the target's shape into numbers of that shape
#include "cnf/core.hpp"

#ifdef CNF_PASSING_TWIN
using Noise = cnf::Sequential<cnf::Squeeze, cnf::AffineCoupling<cnf::ConvNet<4>>, cnf::Unsqueeze>;
#else
using Noise = cnf::Sequential<cnf::Squeeze, cnf::AffineCoupling<cnf::ConvNet<4>>>;  // stays squeezed
#endif

using Target = cnf::Shape<1, 8, 8>;
using Spec = cnf::ConditionalFlow<Target, cnf::Shape<1>, cnf::Unconditional,
                                  cnf::Sequential<cnf::Squeeze, cnf::Prior>, cnf::Binary<Noise>>;
static_assert(Spec::check());
