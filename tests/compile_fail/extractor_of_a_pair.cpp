// expect: cnf: this extractor takes one Shape as its input, not a Pair or Nothing
#include "cnf/core.hpp"

#ifdef CNF_PASSING_TWIN
using Model =
    cnf::ConditionalFlow<cnf::Shape<4>, cnf::Shape<2>, cnf::Passthrough, cnf::Sequential<cnf::ActNorm>>;
#else
using Model = cnf::ConditionalFlow<cnf::Shape<4>, cnf::Pair<cnf::Shape<2>, cnf::Shape<3>>, cnf::Passthrough,
                                   cnf::Sequential<cnf::ActNorm>>;
#endif

static_assert(Model::check());
