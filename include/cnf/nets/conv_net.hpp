// ConvNet<Hidden>: the coupling network of the paper (Winkler et al., 2019, appendix; after Glow).
//
//   conv3x3 [z, h] -> Hidden, ReLU, conv1x1 Hidden -> Hidden, ReLU, conv3x3 -> Out, zero at the start
//
// ConvNet<Hidden, 1> has 1x1 convolutions only: a multilayer perceptron, for vectors (Mlp<Hidden>).
#pragma once

#include "cnf/nets/conv.hpp"
#include "cnf/nets/network.hpp"

namespace cnf {

template <int Hidden, int Kernel = 3>
struct ConvNet {
  static_assert(Hidden > 0 && Kernel % 2 == 1,
                "cnf: ConvNet<Hidden, Kernel> needs a positive width and an odd kernel");

  static std::string describe() {
    return "ConvNet<" + std::to_string(Hidden) + (Kernel == 3 ? "" : ", " + std::to_string(Kernel)) + ">";
  }

  static constexpr ConvShape first(int in) { return {.in = in, .out = Hidden, .kernel = Kernel}; }
  static constexpr ConvShape middle() { return {.in = Hidden, .out = Hidden, .kernel = 1}; }
  static constexpr ConvShape last(int out) {
    return {.in = Hidden, .out = out, .kernel = Kernel, .zero = true};
  }

  template <class In, class Condition, int Out>
  struct On {
    using output = with_channels<In, Out>;
    static constexpr int radius = Kernel / 2 * 2;
    static constexpr int width = Hidden;
    static constexpr long parameters = first(In::channels + Condition::channels).parameters() +
                                       middle().parameters() + last(Out).parameters();
    static constexpr long multiply_adds = area<In> * (first(In::channels + Condition::channels).weights() +
                                                      middle().weights() + last(Out).weights());
  };

  template <class B, class In, class Condition, int Out>
  struct Bound {
    JointConv<B> conv1;
    Conv<B> conv2, conv3;

    explicit Bound(Scope<B> scope)
        : conv1(scope.child("conv1"), first(In::channels), Condition::channels),
          conv2(scope.child("conv2"), middle()),
          conv3(scope.child("conv3"), last(Out)) {}

    Batch<B, with_channels<In, Out>> operator()(const Batch<B, In>& z, const SeenMap<B, Condition>& h) const {
      return Batch<B, with_channels<In, Out>>(conv3(B::relu(conv2(B::relu(conv1(z, h))))));
    }
  };
};

/// ConvNet for vectors: all its convolutions are 1x1.
template <int Hidden>
using Mlp = ConvNet<Hidden, 1>;

}  // namespace cnf
