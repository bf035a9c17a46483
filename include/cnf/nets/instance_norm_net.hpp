// InstanceNormNet<Hidden>: the coupling network of the paper's segmentation model (Winkler et al., 2019,
// table 7).
//
//   conv3x3 [z, h] -> Hidden, InstanceNorm, ReLU, conv3x3 -> Out, zero at the start
//
// InstanceNorm gives every channel of every sample zero mean and unit variance over its pixels (Ulyanov et
// al., 2016); inside a network it may use statistics of what it sees, as a layer of the flow it could not be
// inverted. It needs more than one pixel.
#pragma once

#include "cnf/nets/conv.hpp"
#include "cnf/nets/network.hpp"

namespace cnf {

template <int Hidden>
struct InstanceNormNet {
  static_assert(Hidden > 0, "cnf: InstanceNormNet<Hidden> needs a positive width");

  static std::string describe() { return "InstanceNormNet<" + std::to_string(Hidden) + ">"; }

  static constexpr ConvShape first(int in) { return {.in = in, .out = Hidden}; }
  static constexpr ConvShape last(int out) { return {.in = Hidden, .out = out, .zero = true}; }

  template <class In, class Condition, int Out>
  struct On {
    using output = with_channels<In, Out>;
    static constexpr int radius = unbounded;
    static constexpr long parameters =
        first(In::channels + Condition::channels).parameters() + last(Out).parameters();
    static constexpr long multiply_adds =
        area<In> * (first(In::channels + Condition::channels).weights() + last(Out).weights());
  };

  template <class B, class In, class Condition, int Out>
  struct Bound {
    JointConv<B> conv1;
    Conv<B> conv2;

    explicit Bound(Scope<B> scope)
        : conv1(scope.child("conv1"), first(In::channels), Condition::channels),
          conv2(scope.child("conv2"), last(Out)) {}

    Batch<B, with_channels<In, Out>> operator()(const Batch<B, In>& z, const SeenMap<B, Condition>& h) const {
      return Batch<B, with_channels<In, Out>>(conv2(B::relu(B::instance_norm(conv1(z, h)))));
    }
  };
};

}  // namespace cnf
