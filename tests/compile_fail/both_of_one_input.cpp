// expect: cnf: Both<A, B> takes two inputs
#include "cnf/core.hpp"

#ifdef CNF_PASSING_TWIN
using Model = cnf::ConditionalFlow<cnf::Shape<4, 8, 8>, cnf::Pair<cnf::Shape<2>, cnf::Shape<3>>,
                                   cnf::Both<cnf::MlpExtractor<4>, cnf::MlpExtractor<4>>,
                                   cnf::Sequential<cnf::ActNorm>>;
#else
using Model = cnf::ConditionalFlow<cnf::Shape<4, 8, 8>, cnf::Shape<2>,
                                   cnf::Both<cnf::MlpExtractor<4>, cnf::MlpExtractor<4>>,
                                   cnf::Sequential<cnf::ActNorm>>;
#endif

static_assert(Model::check());
