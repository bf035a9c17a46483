// expect: cnf: this extractor takes one Shape as its input, not a Pair or Nothing
#include "cnf/core.hpp"

#ifdef CNF_PASSING_TWIN
using Model = cnf::UnconditionalFlow<cnf::Shape<4>, cnf::Sequential<cnf::ActNorm>>;
#else
using Model =
    cnf::ConditionalFlow<cnf::Shape<4>, cnf::Nothing, cnf::MlpExtractor<4>, cnf::Sequential<cnf::ActNorm>>;
#endif

static_assert(Model::check());
