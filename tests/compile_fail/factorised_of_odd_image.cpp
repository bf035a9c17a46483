// expect: cnf: FactorisedLogistic needs a target 1, 2, 4, ... times larger than the input
#include "cnf/core.hpp"

#ifdef CNF_PASSING_TWIN
using Image = cnf::Shape<3, 32, 32>;
#else
using Image = cnf::Shape<3, 32, 33>;
#endif

using Model = cnf::FactorisedLogistic<Image, cnf::Shape<3, 16, 16>, cnf::Rrdb<1, 4, 8, 1>>;
static_assert(Model::check());
