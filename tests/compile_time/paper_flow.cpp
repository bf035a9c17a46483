// Including core and checking the super-resolution flow of Winkler et al. (2019).
#include "cnf/core.hpp"

using Step = cnf::Sequential<cnf::ActNorm, cnf::InvConv1x1, cnf::AffineCoupling<cnf::ConvNet<512>>>;
using Level = cnf::Sequential<cnf::Squeeze, cnf::Repeat<8, Step>>;
using Sr = cnf::Sequential<Level, cnf::Split, Level, cnf::Prior>;

using Image = cnf::Shape<3, 32, 32>;
using Maps = cnf::Features<cnf::Shape<128, 16, 16>, cnf::Shape<128, 8, 8>>;

static_assert(cnf::FlowFor<Sr, Image, Maps>);
static_assert(!cnf::FlowFor<Sr, cnf::Shape<3, 33, 32>, Maps>);
static_assert(std::is_same_v<cnf::latents_t<Sr, Image, Maps>,
                             cnf::Latents<cnf::Shape<6, 16, 16>, cnf::Shape<24, 8, 8>>>);
static_assert(cnf::parameter_count<Sr, Image, Maps> == 15'714'980);

using Model = cnf::ConditionalFlow<cnf::Shape<3, cnf::dynamic, cnf::dynamic>,
                                   cnf::Shape<3, cnf::dynamic / 2, cnf::dynamic / 2>,
                                   cnf::Rrdb<16, 32, 128, 2>, Sr, cnf::Uniform<8>>;
static_assert(Model::check());
