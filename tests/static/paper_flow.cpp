// The super-resolution flow of Winkler et al. (2019): shapes, latents, parameters, multiply-adds. The counts
// are worked out here by hand, from the paper's widths.
#include "cnf/core.hpp"

namespace {

using namespace cnf;

using Step = Sequential<ActNorm, InvConv1x1, AffineCoupling<ConvNet<512>>>;
using Level = Sequential<Squeeze, Repeat<8, Step>>;
using Sr = Sequential<Level, Split, Level, Prior>;

using Image = Shape<3, 32, 32>;
using Maps = Features<Shape<128, 16, 16>, Shape<128, 8, 8>>;

static_assert(FlowFor<Sr, Image, Maps>);
static_assert(std::is_same_v<latents_t<Sr, Image, Maps>, Latents<Shape<6, 16, 16>, Shape<24, 8, 8>>>);
static_assert(!volume_preserving<Sr, Image, Maps>);

// whatever is wrong with its input is wrong at compile time
static_assert(!FlowFor<Sr, Shape<3, 33, 32>, Maps>);
static_assert(!FlowFor<Sr, Shape<3, 32, 34>, Maps>);
static_assert(!FlowFor<Sr, Shape<3, 64, 64>, Maps>);
static_assert(!FlowFor<Sr, Image, Features<Shape<128, 16, 16>>>);
static_assert(!FlowFor<Sr, Image, Features<Shape<128, 8, 8>>>);
static_assert(!FlowFor<Sr, Image, Features<Shape<128, 16, 16>, Shape<128, 4, 4>>>);
static_assert(!FlowFor<Sr, Image, Features<Shape<128, 16, 16>, Shape<128, 8, 8>, Shape<128, 8, 8>>>);
static_assert(!FlowFor<Sr, Shape<3, dynamic, dynamic>, Maps>);
static_assert(FlowFor<Sr, Image>);  // unconditional

// Parameters. A convolution has in * out * k^2 weights and out biases.
constexpr long conv(long in, long out, long k) { return in * out * k * k + out; }
constexpr long step(long channels) {
  return 2 * channels + channels * channels + conv(channels / 2 + 128, 512, 3) + conv(512, 512, 1) +
         conv(512, channels, 3);
}
constexpr long flow_parameters = 8 * step(12) + conv(6 + 128, 12, 3) + 8 * step(24) + conv(128, 48, 3);
static_assert(parameter_count<Sr, Image, Maps> == flow_parameters);
static_assert(flow_parameters > 15'650'000 && flow_parameters < 15'750'000);
static_assert(parameter_count<Step, Shape<12, 16, 16>, Maps> == step(12));
static_assert(parameter_count<Repeat<8, Step>, Shape<12, 16, 16>, Maps> == 8 * step(12));

// Multiply-adds for one image of 32x32: weights times pixels.
constexpr long step_multiply_adds(long channels) {
  return channels * channels + (channels / 2 + 128) * 512 * 9 + 512 * 512 + 512 * channels * 9;
}
static_assert(multiply_adds<Sr, Image, Maps> == 256 * (8 * step_multiply_adds(12) + (6 + 128) * 12 * 9) +
                                                    64 * (8 * step_multiply_adds(24) + 128 * 48 * 9));
static_assert(multiply_adds<Sr, Image, Maps> > multiply_adds<Level, Image, Maps>);

// The whole model, and the baseline with the same budget.
using Target = Shape<3, dynamic, dynamic>;
using Input = Shape<3, dynamic / 2, dynamic / 2>;
using Model = ConditionalFlow<Target, Input, Rrdb<16, 32, 128, 2>, Sr, Uniform<8>>;
using Baseline = FactorisedLogistic<Target, Input, Rrdb<16, 55, 128, 1>>;
static_assert(Model::check() && Baseline::check());
static_assert(
    std::is_same_v<Model::latents,
                   Latents<Shape<6, dynamic / 2, dynamic / 2>, Shape<24, dynamic / 4, dynamic / 4>>>);

constexpr long dense_block(long growth) {
  return conv(128, growth, 3) + conv(128 + growth, growth, 3) + conv(128 + 2 * growth, growth, 3) +
         conv(128 + 3 * growth, growth, 3) + conv(128 + 4 * growth, 128, 3);
}
constexpr long rrdb(long growth) {
  return conv(3, 128, 3) + 16 * 3 * dense_block(growth) + conv(128, 128, 3);
}
static_assert(Model::parameters == flow_parameters + rrdb(32) + conv(128, 128, 2));
static_assert(Model::parameters > 39'500'000 && Model::parameters < 40'500'000);
static_assert(Baseline::parameters == rrdb(55) + conv(128, 2 * 3 * 4, 3));
static_assert(Baseline::parameters * 100 > Model::parameters * 98);
static_assert(Baseline::parameters * 100 < Model::parameters * 102);
static_assert(Baseline::upscale == 2);
static_assert(Model::likelihood == Likelihood::bound && Baseline::likelihood == Likelihood::exact);

// A parameter has no resolution: fixed and dynamic models have as many.
static_assert(ConditionalFlow<Image, Shape<3, 16, 16>, Rrdb<16, 32, 128, 2>, Sr>::parameters ==
              Model::parameters);

}  // namespace
