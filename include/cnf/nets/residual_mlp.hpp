// ResidualMlp<Hidden, Blocks>: a residual network with layer normalisation, for vectors (as in Durkan et al., 2019, with
// LayerNorm, Ba et al., 2016, where they have batch norm: samples don't see each other).
//
//   a = W [z, h]
//   Blocks times: a += W2 ReLU(LN(W1 ReLU(LN(a))))
//   W ReLU(LN(a)) -> Out, zero at the start
//
// On images: the same network at every pixel.
#pragma once

#include <array>
#include <string>
#include <utility>
#include <vector>

#include "cnf/nets/conv.hpp"
#include "cnf/nets/network.hpp"

namespace cnf {

template <int Hidden, int Blocks = 2>
struct ResidualMlp {
  static_assert(Hidden > 0 && Blocks > 0,
                "cnf: ResidualMlp<Hidden, Blocks> needs a positive width and a positive number of blocks");

  static std::string describe() {
    return "ResidualMlp<" + std::to_string(Hidden) + (Blocks == 2 ? "" : ", " + std::to_string(Blocks)) + ">";
  }

  static constexpr ConvShape first(int in) { return {.in = in, .out = Hidden, .kernel = 1}; }
  static constexpr ConvShape inner() { return {.in = Hidden, .out = Hidden, .kernel = 1}; }
  static constexpr ConvShape last(int out) { return {.in = Hidden, .out = out, .kernel = 1, .zero = true}; }

  template <class In, class Condition, int Out>
  struct On {
    using output = with_channels<In, Out>;
    static constexpr int radius = 0;
    static constexpr int width = 3 * Hidden;
    static constexpr long parameters = first(In::channels + Condition::channels).parameters() +
                                       2 * Blocks * (inner().parameters() + 2 * Hidden) + 2 * Hidden +
                                       last(Out).parameters();
    static constexpr long multiply_adds = area<In> * (first(In::channels + Condition::channels).weights() +
                                                      2 * Blocks * inner().weights() + last(Out).weights());
  };

  template <class B, class In, class Condition, int Out>
  struct Bound {
    using Tensor = typename B::Tensor;

    /// LN and ReLU, then a linear map.
    struct NormLinear {
      typename B::Parameter scale, shift;
      Conv<B> linear;

      NormLinear(Scope<B> scope, ConvShape shape)
          : scale(scope.parameter("norm_scale", {Hidden}, initial::ones)),
            shift(scope.parameter("norm_shift", {Hidden}, initial::zeros)),
            linear(scope, shape) {}
      Tensor operator()(const Tensor& x) const { return linear(B::relu(B::layer_norm(x, scale, shift))); }
    };

    JointConv<B> start;
    std::vector<std::array<NormLinear, 2>> blocks;
    NormLinear end;

    explicit Bound(Scope<B> scope)
        : start(scope.child("start"), first(In::channels), Condition::channels),
          end(scope.child("end"), last(Out)) {
      for (int b = 0; b < Blocks; ++b) {
        const auto block = scope.child("blocks").child(b);
        blocks.push_back({NormLinear(block.child("0"), inner()), NormLinear(block.child("1"), inner())});
      }
    }

    Batch<B, with_channels<In, Out>> operator()(const Batch<B, In>& z, const SeenMap<B, Condition>& h) const {
      auto a = start(z, h);
      for (const auto& [one, two] : blocks) a = a + two(one(a));
      return Batch<B, with_channels<In, Out>>(end(a));
    }
  };
};

}  // namespace cnf
