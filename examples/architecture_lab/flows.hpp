// The candidates: change them, add your own.
#pragma once

#include <cnf/core.hpp>

namespace lab {

using namespace cnf;

using Image = Shape<3, 32, 32>;                              // what the flow is of
using Given = Features<Shape<64, 16, 16>, Shape<64, 8, 8>>;  // what it is conditioned on

template <class Net>
using Glow = Sequential<ActNorm, InvConv1x1, AffineCoupling<Net>>;
template <class Net>
using Nice = Sequential<InvConv1x1, AdditiveCoupling<Net>>;
template <int K, class Step>
using Level = Sequential<Squeeze, Repeat<K, Step>>;

using OneLevel = Sequential<Level<8, Glow<ConvNet<128>>>, Prior>;
using TwoLevels = Sequential<Level<8, Glow<ConvNet<128>>>, Split, Level<8, Glow<ConvNet<128>>>, Prior>;
using Additive = Sequential<Level<8, Nice<ConvNet<128>>>, Split, Level<8, Nice<ConvNet<128>>>, Prior>;
using Deep = Sequential<Level<48, Glow<ConvNet<32>>>, Split, Level<48, Glow<ConvNet<32>>>, Prior>;
using Splines = Sequential<Level<8, Sequential<ActNorm, InvConv1x1, SplineCoupling<ConvNet<128>>>>, Split,
                           Level<8, Sequential<ActNorm, InvConv1x1, SplineCoupling<ConvNet<128>>>>, Prior>;
using Mixtures =
    Sequential<Level<8, Sequential<ActNorm, Orthogonal1x1<>, MixtureCoupling<ConvNet<128>>>>, Split,
               Level<8, Sequential<ActNorm, Orthogonal1x1<>, MixtureCoupling<ConvNet<128>>>>, Prior>;
using Wavelets = Sequential<
    HaarSqueeze, Repeat<8, Glow<ConvNet<128>>>, Split, HaarSqueeze,
    Repeat<8, Sequential<ActNorm, CheckerboardCoupling<ConvNet<128>>, Swap, AffineCoupling<ConvNet<128>>>>,
    Spline<>, Prior>;
using Normed =
    Sequential<Level<4, Glow<InstanceNormNet<64>>>, Split, Level<4, Glow<InstanceNormNet<64>>>, Prior>;
/// Of numbers in (0, 1).
using Unit =
    Sequential<Logit<50>, Level<4, Sequential<ActNorm, InvConv1x1, AffineCoupling<ResidualMlp<64>>, Reverse>>,
               Mixture<>, Sigmoid, Logit<>, Prior>;
// 16x16 after the first Squeeze, 8x8 after the second, 4x4 after the third: Given has nothing of that size.
using ThreeLevels = Sequential<Level<8, Glow<ConvNet<128>>>, Split, Level<8, Glow<ConvNet<128>>>, Split,
                               Level<8, Glow<ConvNet<128>>>, Prior>;

/// Calls act.operator()<Flow>(name) for each of them.
template <class Act>
void for_each_flow(const Act& act) {
  act.template operator()<OneLevel>("one level");
  act.template operator()<TwoLevels>("two levels");
  act.template operator()<Additive>("additive");
  act.template operator()<Deep>("deep and narrow");
  act.template operator()<Normed>("instance norm");
  act.template operator()<Splines>("splines");
  act.template operator()<Mixtures>("mixtures");
  act.template operator()<Wavelets>("wavelets");
  act.template operator()<Unit>("unit interval");
  act.template operator()<ThreeLevels>("three levels");
}

/// Whole models: no condition; a label; a label and four numbers.
using Alone = UnconditionalFlow<Image, OneLevel, Uniform<8>>;
using OfLabel = Broadcast<Pyramid<16, 16, 2>, Embedding<10, 32>>;
using Labelled = ConditionalFlow<Image, Shape<1>, OfLabel, TwoLevels, Uniform<8>>;
using OfNumbers = Broadcast<Pyramid<16, 16, 2>, MlpExtractor<64, 32>>;
using Several =
    ConditionalFlow<Image, Pair<Shape<1>, Shape<4>>, Both<OfLabel, OfNumbers>, TwoLevels, Uniform<8>>;

/// Calls act.operator()<Spec>(name) for each of them.
template <class Act>
void for_each_model(const Act& act) {
  act.template operator()<Alone>("no condition");
  act.template operator()<Labelled>("a label");
  act.template operator()<Several>("label, numbers");
}

}  // namespace lab
