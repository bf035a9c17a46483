// expect: cnf: Embedding<Classes, Width> needs 1 to 2^24 classes
#include "cnf/core.hpp"

#ifdef CNF_PASSING_TWIN
using Extractor = cnf::Embedding<1, 4>;
#else
using Extractor = cnf::Embedding<0, 4>;
#endif

using Model = cnf::ConditionalFlow<cnf::Shape<4>, cnf::Shape<1>, Extractor, cnf::Sequential<cnf::ActNorm>>;
static_assert(Model::check());
