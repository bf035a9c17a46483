// The six models of this program, as types: what `--config` and `--model` choose from.
//
//   paper   Winkler et al., 2019: L = 2 levels, K = 8 steps, coupling width 512, RRDB of 16 blocks; the
//           factorised baseline has the same network with growth 55, so that both have about 40 M parameters
//   small   K = 4, width 64, one RRDB block: about half a million parameters, learns in minutes on two cores; the
//           baseline has three blocks, for equal parameters. Both are given the bicubic enlargement of x to start
//           from, which the paper's models must learn: half of the steps for the same bits, and samples that stay
//           sound on colours that training did not see.
#pragma once

#include "cnf/core.hpp"

namespace super_resolution {

using Target = cnf::Shape<3, cnf::dynamic, cnf::dynamic>;
using Input = cnf::Shape<3, cnf::dynamic / 2, cnf::dynamic / 2>;

/// L = 2: squeeze, K x [ActNorm, 1x1 convolution, affine coupling], split, once more without the split,
/// prior.
template <int K, int Width>
struct TwoLevels {
  using Step = cnf::Sequential<cnf::ActNorm, cnf::InvConv1x1, cnf::AffineCoupling<cnf::ConvNet<Width>>>;
  using Level = cnf::Sequential<cnf::Squeeze, cnf::Repeat<K, Step>>;
  using Flow = cnf::Sequential<Level, cnf::Split, Level, cnf::Prior>;
  using ResidualFlow = cnf::Sequential<cnf::Residual, Level, cnf::Split, Level, cnf::Prior>;
};

using PaperFlow =
    cnf::ConditionalFlow<Target, Input, cnf::Rrdb<16, 32, 128, 2>, TwoLevels<8, 512>::Flow, cnf::Uniform<8>>;
using PaperFactorised = cnf::FactorisedLogistic<Target, Input, cnf::Rrdb<16, 55, 128, 1>>;
using BaseFlow = cnf::ConditionalFlow<Target, Input, cnf::Enlarged<cnf::Rrdb<4, 32, 64, 2>>,
                                      TwoLevels<8, 256>::ResidualFlow, cnf::Uniform<8>>;
using BaseFactorised = cnf::FactorisedLogistic<Target, Input, cnf::Enlarged<cnf::Rrdb<11, 30, 64, 1>>>;
using SmallFlow = cnf::ConditionalFlow<Target, Input, cnf::Enlarged<cnf::Rrdb<1, 16, 32, 2>>,
                                       TwoLevels<4, 64>::ResidualFlow, cnf::Uniform<8>>;
using SmallFactorised = cnf::FactorisedLogistic<Target, Input, cnf::Enlarged<cnf::Rrdb<3, 16, 32, 1>>>;

/// Calls act.operator()<Spec>(config, model) for every model of the program.
template <class Act>
void for_each_spec(const Act& act) {
  act.template operator()<SmallFlow>("small", "cnf");
  act.template operator()<SmallFactorised>("small", "factorised");
  act.template operator()<BaseFlow>("base", "cnf");
  act.template operator()<BaseFactorised>("base", "factorised");
  act.template operator()<PaperFlow>("paper", "cnf");
  act.template operator()<PaperFactorised>("paper", "factorised");
}

/// What a model sees of 0 .. 255: about zero mean and unit range, so that zero padding is mid-grey.
template <class X>
X normalised(const X& x) {
  return x / 255 - 0.5;
}

}  // namespace super_resolution
