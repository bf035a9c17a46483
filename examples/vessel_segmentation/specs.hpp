// The models of this program, as types: what `--config`, `--model` and `--extractor` choose from.
//
//   paper    Winkler et al., 2019: L = 2 levels, K = 2 steps of 1x1 convolution and additive coupling
//   affine   K = 6 steps with affine couplings, a larger noise flow of them, and residual networks in both: they see
//            further, and without InstanceNorm a part of an image is as the whole. A fifth fewer bits, for three times
//            the time of a step
//
//   vgg      the paper's extractor, whose maps see little context
//   unet     with skip connections and a level more
//
// The input is the photograph, normalised inside the field of view and 0 outside, with the field of view as
// fourth channel; the target is the mask of vessels. The factorised models have the same extractors and no
// config.
#pragma once

#include <string>

#include "cnf/core.hpp"

namespace vessel_segmentation {

using Target = cnf::Shape<1, cnf::dynamic, cnf::dynamic>;
using Input = cnf::Shape<4, cnf::dynamic, cnf::dynamic>;

using Vgg = cnf::VggLike<32, 64, 64>;
using Unet = cnf::UShaped<48, 64, 96>;

/// L = 2, K steps a level, and the noise flow, on one scale, of NoiseK steps with the same couplings.
template <int K, int NoiseK, template <class> class Coupling, class Net, class NoisePrior, int Margin = 0>
struct TwoLevels {
  static constexpr int margin = Margin;
  using Step = cnf::Sequential<cnf::InvConv1x1, Coupling<Net>>;
  using Level = cnf::Sequential<cnf::Squeeze, cnf::Repeat<K, Step>>;
  using Flow = cnf::Sequential<Level, cnf::Split, Level, cnf::Prior>;
  using Noise =
      cnf::Sequential<cnf::Squeeze, cnf::BasicPrior<NoisePrior>, cnf::Repeat<NoiseK, Step>, cnf::Unsqueeze>;
};

template <class Net>
using Affine = cnf::AffineCoupling<Net>;

using PaperLevels = TwoLevels<2, 2, cnf::AdditiveCoupling, cnf::InstanceNormNet<32>, cnf::ConvNet<32>>;
using AffineLevels = TwoLevels<6, 4, Affine, cnf::ResidualNet<32>, cnf::ResidualNet<32>, 4>;

template <class Levels, class Extractor>
using Cnf =
    cnf::ConditionalFlow<Target, Input, Extractor, typename Levels::Flow,
                         cnf::Binary<typename Levels::Noise, cnf::Distribution::normal, Levels::margin>>;
template <class Levels, class Extractor>
using CnfUniform = cnf::ConditionalFlow<Target, Input, Extractor, typename Levels::Flow, cnf::Uniform<1>>;
template <class Extractor>
using Bernoulli = cnf::FactorisedBernoulli<Target, Input, Extractor>;
template <class Extractor>
using WeightedBernoulli = cnf::FactorisedBernoulli<Target, Input, Extractor, cnf::WeightedBernoulli<90, 10>>;

struct Choice {
  std::string config = "paper";   // paper | affine
  std::string model = "cnf";      // cnf | cnf-uniform | bernoulli | weighted-bernoulli
  std::string extractor = "vgg";  // vgg | unet
};

/// Calls act.operator()<Spec>(choice) for every model of the program; an empty config holds for each.
template <class Act>
void for_each_spec(const Act& act) {
  const auto with_extractor = [&]<class Extractor>(const char* extractor) {
    act.template operator()<Cnf<PaperLevels, Extractor>>(Choice{"paper", "cnf", extractor});
    act.template operator()<CnfUniform<PaperLevels, Extractor>>(Choice{"paper", "cnf-uniform", extractor});
    act.template operator()<Cnf<AffineLevels, Extractor>>(Choice{"affine", "cnf", extractor});
    act.template operator()<CnfUniform<AffineLevels, Extractor>>(Choice{"affine", "cnf-uniform", extractor});
    act.template operator()<Bernoulli<Extractor>>(Choice{"", "bernoulli", extractor});
    act.template operator()<WeightedBernoulli<Extractor>>(Choice{"", "weighted-bernoulli", extractor});
  };
  with_extractor.template operator()<Vgg>("vgg");
  with_extractor.template operator()<Unet>("unet");
}

}  // namespace vessel_segmentation
