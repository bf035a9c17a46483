// expect: cnf: an extractor belongs here, and this is a layer
#include "cnf/core.hpp"

#ifdef CNF_PASSING_TWIN
using Model = cnf::ConditionalFlow<cnf::Shape<4, 8, 8>, cnf::Shape<3, 8, 8>, cnf::Unconditional,
                                   cnf::Sequential<cnf::ActNorm>>;
#else
using Model = cnf::ConditionalFlow<cnf::Shape<4, 8, 8>, cnf::Shape<3, 8, 8>, cnf::ActNorm,
                                   cnf::Sequential<cnf::ActNorm>>;
#endif

static_assert(Model::check());
