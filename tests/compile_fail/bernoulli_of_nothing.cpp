// expect: cnf: FactorisedBernoulli takes one Shape as its input
#include "cnf/core.hpp"

#ifdef CNF_PASSING_TWIN
using Model = cnf::FactorisedBernoulli<cnf::Shape<1, 8, 8>, cnf::Shape<3, 8, 8>, cnf::VggLike<4, 4, 4>>;
#else
using Model = cnf::FactorisedBernoulli<cnf::Shape<1, 8, 8>, cnf::Nothing, cnf::VggLike<4, 4, 4>>;
#endif

static_assert(Model::check());
