// expect: cnf: a dequantizer belongs here
#include "cnf/core.hpp"

#ifdef CNF_PASSING_TWIN
using Model = cnf::ConditionalFlow<cnf::Shape<4, 8, 8>, cnf::Shape<3, 8, 8>, cnf::Unconditional,
                                   cnf::Sequential<cnf::ActNorm>, cnf::Uniform<8>>;
#else
using Model = cnf::ConditionalFlow<cnf::Shape<4, 8, 8>, cnf::Shape<3, 8, 8>, cnf::Unconditional,
                                   cnf::Sequential<cnf::ActNorm>, cnf::ActNorm>;
#endif

static_assert(Model::check());
