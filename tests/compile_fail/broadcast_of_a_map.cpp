// expect: cnf: Broadcast spreads a vector
#include "cnf/core.hpp"

#ifdef CNF_PASSING_TWIN
using Model = cnf::ConditionalFlow<cnf::Shape<4, 8, 8>, cnf::Shape<2>, cnf::Broadcast<cnf::Pyramid<8, 8, 2>>,
                                   cnf::Sequential<cnf::ActNorm>>;
#else
using Model = cnf::ConditionalFlow<cnf::Shape<4, 8, 8>, cnf::Shape<2, 4, 4>,
                                   cnf::Broadcast<cnf::Pyramid<8, 8, 2>>, cnf::Sequential<cnf::ActNorm>>;
#endif

static_assert(Model::check());
