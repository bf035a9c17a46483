// VggLike<First, Second, Third>: the paper's extractor for segmentation (Winkler et al., 2019, section 5):
// seven layers, two maps.
//
//   1 conv 3x3 -> First, 2 max-pool, 3 and 4 blocks -> Second: the map at 1/2
//   5 max-pool, 6 and 7 blocks -> Third: the map at 1/4;   a block is InstanceNorm, ReLU, conv 3x3
//
// Input (C, H, W); maps (Second, H/2, W/2), (Third, H/4, W/4). The paper does not print the widths. Literal =
// true makes layer 1 a block too, as the paper says it: it sees no negative input and learns more slowly.
#pragma once

#include "cnf/nets/norm_conv.hpp"

namespace cnf {

template <int First = 32, int Second = 64, int Third = 64, bool Literal = false>
struct VggLike {
  static_assert(First > 0 && Second > 0 && Third > 0,
                "cnf: VggLike<First, Second, Third> needs positive widths");

  static std::string describe() {
    return "VggLike<" + std::to_string(First) + ", " + std::to_string(Second) + ", " + std::to_string(Third) +
           (Literal ? ", literal>" : ">");
  }

  template <class In>
  struct On : Elementwise<In> {
    static constexpr int radius = unbounded;
    static constexpr bool valid = can_halve(In::height, 2) && can_halve(In::width, 2);
    static constexpr auto h2 = halved(In::height);
    static constexpr auto w2 = halved(In::width);
    using output = Features<Shape<Second, h2, w2>, Shape<Third, halved(h2), halved(w2)>>;

    static constexpr ConvShape convs[5] = {{.in = In::channels, .out = First},
                                           {.in = First, .out = Second},
                                           {.in = Second, .out = Second},
                                           {.in = Second, .out = Third},
                                           {.in = Third, .out = Third}};
    static constexpr long parameters = [] {
      long n = 0;
      for (const auto& c : convs) n += c.parameters();
      return n;
    }();
    static constexpr long multiply_adds = area<In> * convs[0].weights() +
                                          area<In> / 4 * (convs[1].weights() + convs[2].weights()) +
                                          area<In> / 16 * (convs[3].weights() + convs[4].weights());

    static consteval bool check() {
      static_assert(valid, "cnf: VggLike halves height and width twice, so both must divide by 4");
      return true;
    }
  };

  template <class B, class In>
  struct Bound {
    detail::NormConv<B> layer1, layer3, layer4, layer6, layer7;

    explicit Bound(Scope<B> scope)
        : layer1(scope.child("layer1"), In::channels, First),
          layer3(scope.child("layer3"), First, Second),
          layer4(scope.child("layer4"), Second, Second),
          layer6(scope.child("layer6"), Second, Third),
          layer7(scope.child("layer7"), Third, Third) {}

    Maps<B, typename On<In>::output> operator()(const Batch<B, In>& x) const {
      const auto first = Literal ? layer1(x.data) : layer1.conv(x.data);
      auto half = layer4(layer3(B::max_pool(first)));
      auto quarter = layer7(layer6(B::max_pool(half)));
      return {.data = {std::move(half), std::move(quarter)}};
    }
  };
};

}  // namespace cnf
