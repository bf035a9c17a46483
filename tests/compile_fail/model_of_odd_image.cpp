// expect: cnf: Squeeze halves height and width, so both must be even
// expect: check_layer_accepts_input<0, cnf::Squeeze, cnf::Shape<3, 33, 32>
#include "cnf/core.hpp"

using Flow = cnf::Sequential<cnf::Squeeze, cnf::Prior>;

// An image of fixed odd height in a model that halves it. With dynamic extents it would be padded.
#ifdef CNF_PASSING_TWIN
using Image = cnf::Shape<3, 32, 32>;
#else
using Image = cnf::Shape<3, 33, 32>;
#endif

using Model =
    cnf::ConditionalFlow<Image, cnf::Shape<3, 16, 16>, cnf::Rrdb<1, 4, 8, 1>, Flow, cnf::Uniform<8>>;
static_assert(Model::check());
