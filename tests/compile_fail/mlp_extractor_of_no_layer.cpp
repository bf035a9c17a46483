// expect: cnf: MlpExtractor<Widths...> needs one or more positive widths
#include "cnf/core.hpp"

#ifdef CNF_PASSING_TWIN
using Extractor = cnf::MlpExtractor<4>;
#else
using Extractor = cnf::MlpExtractor<>;
#endif

using Model = cnf::ConditionalFlow<cnf::Shape<4>, cnf::Shape<2>, Extractor, cnf::Sequential<cnf::ActNorm>>;
static_assert(Model::check());
