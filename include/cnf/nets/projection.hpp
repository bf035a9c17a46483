// Projection<Kernel>: one convolution of [z, h], zero at the start: the network of split priors and priors
// (Glow, 2018).
#pragma once

#include "cnf/nets/conv.hpp"
#include "cnf/nets/network.hpp"

namespace cnf {

template <int Kernel = 3>
struct Projection {
  static_assert(Kernel > 0 && Kernel % 2 == 1, "cnf: Projection<Kernel> needs an odd kernel");

  static std::string describe() {
    return Kernel == 3 ? "Projection" : "Projection<" + std::to_string(Kernel) + ">";
  }

  static constexpr ConvShape conv(int in, int out) {
    return {.in = in, .out = out, .kernel = Kernel, .zero = true};
  }

  template <class In, class Condition, int Out>
  struct On {
    using output = with_channels<In, Out>;
    static constexpr int radius = Kernel / 2;
    static constexpr int width = In::channels + Condition::channels + Out;
    static constexpr long parameters = conv(In::channels + Condition::channels, Out).parameters();
    static constexpr long multiply_adds = area<In> * conv(In::channels + Condition::channels, Out).weights();
  };

  template <class B, class In, class Condition, int Out>
  struct Bound {
    static_assert(In::channels + Condition::channels > 0, "cnf: Projection needs an input or a feature map");
    JointConv<B> only;

    explicit Bound(Scope<B> scope) : only(scope, conv(In::channels, Out), Condition::channels) {}

    Batch<B, with_channels<In, Out>> operator()(const Batch<B, In>& z, const SeenMap<B, Condition>& h) const {
      return Batch<B, with_channels<In, Out>>(only(z, h));
    }
  };
};

}  // namespace cnf
