// expect: cnf: Pyramid<Height, Width, Levels> halves height and width Levels - 1 times
#include "cnf/core.hpp"

#ifdef CNF_PASSING_TWIN
using Maps = cnf::Pyramid<6, 8, 2>;
#else
using Maps = cnf::Pyramid<7, 8, 2>;
#endif

using Model = cnf::ConditionalFlow<cnf::Shape<4, 8, 8>, cnf::Shape<1>,
                                   cnf::Broadcast<Maps, cnf::Embedding<3, 4>>, cnf::Sequential<cnf::ActNorm>>;
static_assert(Model::check());
