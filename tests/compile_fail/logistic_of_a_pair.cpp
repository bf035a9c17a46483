// expect: cnf: FactorisedLogistic takes one Shape as its input
#include "cnf/core.hpp"

#ifdef CNF_PASSING_TWIN
using Model = cnf::FactorisedLogistic<cnf::Shape<3, 8, 8>, cnf::Shape<3, 4, 4>, cnf::Rrdb<1, 4, 8, 1>>;
#else
using Model = cnf::FactorisedLogistic<cnf::Shape<3, 8, 8>, cnf::Pair<cnf::Shape<3, 4, 4>, cnf::Shape<2>>,
                                      cnf::Rrdb<1, 4, 8, 1>>;
#endif

static_assert(Model::check());
