// expect: cnf: Rrdb halves height and width once per further level, so both must divide
#include "cnf/core.hpp"

using Flow = cnf::Sequential<cnf::Squeeze, cnf::Prior>;

// Two levels of maps from an input of odd width.
#ifdef CNF_PASSING_TWIN
using Extractor = cnf::Rrdb<1, 4, 8, 1>;
#else
using Extractor = cnf::Rrdb<1, 4, 8, 2>;
#endif

using Model = cnf::ConditionalFlow<cnf::Shape<3, 32, 30>, cnf::Shape<3, 16, 15>, Extractor, Flow>;
static_assert(Model::check());
