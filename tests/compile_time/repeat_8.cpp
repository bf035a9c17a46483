// Two levels of 8 steps: compile time must not grow with the number of steps.
#include "cnf/core.hpp"

using Step = cnf::Sequential<cnf::ActNorm, cnf::InvConv1x1, cnf::AffineCoupling<cnf::ConvNet<512>>>;
using Level = cnf::Sequential<cnf::Squeeze, cnf::Repeat<8, Step>>;
using Flow = cnf::Sequential<Level, cnf::Split, Level, cnf::Prior>;

using Image = cnf::Shape<3, 32, 32>;
using Maps = cnf::Features<cnf::Shape<128, 16, 16>, cnf::Shape<128, 8, 8>>;

static_assert(cnf::FlowFor<Flow, Image, Maps>);
static_assert(std::is_same_v<cnf::latents_t<Flow, Image, Maps>,
                             cnf::Latents<cnf::Shape<6, 16, 16>, cnf::Shape<24, 8, 8>>>);

constexpr long one = cnf::parameter_count<Level, Image, Maps>;
constexpr long step = cnf::parameter_count<Step, cnf::Shape<12, 16, 16>, Maps>;
static_assert(one == 8 * step);
