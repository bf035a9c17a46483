// ResidualNet<Hidden, Blocks>: a coupling network that sees further than ConvNet (as in Dinh et al., Real NVP, 2017).
//
//   a = conv3x3 [z, h] -> Hidden
//   Blocks times: a += conv3x3(ReLU(conv3x3(ReLU(a))))      (He et al., 2016, without normalisation)
//   conv3x3(ReLU(a)) -> Out, zero at the start
#pragma once

#include <array>
#include <string>
#include <vector>

#include "cnf/nets/conv.hpp"
#include "cnf/nets/network.hpp"

namespace cnf {

template <int Hidden, int Blocks = 1>
struct ResidualNet {
  static_assert(Hidden > 0 && Blocks > 0,
                "cnf: ResidualNet<Hidden, Blocks> needs a positive width and a positive number of blocks");

  static std::string describe() {
    return "ResidualNet<" + std::to_string(Hidden) + (Blocks == 1 ? "" : ", " + std::to_string(Blocks)) + ">";
  }

  static constexpr ConvShape first(int in) { return {.in = in, .out = Hidden}; }
  static constexpr ConvShape inner() { return {.in = Hidden, .out = Hidden}; }
  static constexpr ConvShape last(int out) { return {.in = Hidden, .out = out, .zero = true}; }

  template <class In, class Condition, int Out>
  struct On {
    using output = with_channels<In, Out>;
    static constexpr int radius = 2 * Blocks + 2;
    static constexpr int width = 3 * Hidden;  // of a block: its input, and its two maps
    static constexpr long parameters = first(In::channels + Condition::channels).parameters() +
                                       2 * Blocks * inner().parameters() + last(Out).parameters();
    static constexpr long multiply_adds = area<In> * (first(In::channels + Condition::channels).weights() +
                                                      2 * Blocks * inner().weights() + last(Out).weights());
  };

  template <class B, class In, class Condition, int Out>
  struct Bound {
    JointConv<B> conv1;
    std::vector<std::array<Conv<B>, 2>> blocks;
    Conv<B> conv2;

    explicit Bound(Scope<B> scope)
        : conv1(scope.child("conv1"), first(In::channels), Condition::channels),
          conv2(scope.child("conv2"), last(Out)) {
      for (int b = 0; b < Blocks; ++b) {
        const auto block = scope.child("blocks").child(b);
        blocks.push_back({Conv<B>(block.child("conv1"), inner()), Conv<B>(block.child("conv2"), inner())});
      }
    }

    Batch<B, with_channels<In, Out>> operator()(const Batch<B, In>& z, const SeenMap<B, Condition>& h) const {
      auto a = conv1(z, h);
      for (const auto& [one, two] : blocks) a = a + two(B::relu(one(B::relu(a))));
      return Batch<B, with_channels<In, Out>>(conv2(B::relu(a)));
    }
  };
};

}  // namespace cnf
