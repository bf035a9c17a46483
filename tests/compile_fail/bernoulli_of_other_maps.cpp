// expect: cnf: FactorisedBernoulli needs an extractor whose maps are 1, 2, 4, ... times smaller
#include "cnf/core.hpp"

#ifdef CNF_PASSING_TWIN
using Target = cnf::Shape<1, 32, 32>;
#else
using Target = cnf::Shape<1, 48, 48>;
#endif

using Spec = cnf::FactorisedBernoulli<Target, cnf::Shape<3, 32, 32>, cnf::VggLike<4, 4, 4>>;
static_assert(Spec::check());
