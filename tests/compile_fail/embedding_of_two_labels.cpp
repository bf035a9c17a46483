// expect: cnf: Embedding takes one label
#include "cnf/core.hpp"

#ifdef CNF_PASSING_TWIN
using Model = cnf::ConditionalFlow<cnf::Shape<4, 8, 8>, cnf::Shape<1>, cnf::Embedding<10, 4>,
                                   cnf::Sequential<cnf::ActNorm>>;
#else
using Model = cnf::ConditionalFlow<cnf::Shape<4, 8, 8>, cnf::Shape<2>, cnf::Embedding<10, 4>,
                                   cnf::Sequential<cnf::ActNorm>>;
#endif

static_assert(Model::check());
