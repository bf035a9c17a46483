// Squeeze: 2x2 space-to-depth, (C, H, W) -> (4C, H/2, W/2) (Dinh et al., Real NVP, 2017, section 3.6).
// Channel c of pixel (2y + dy, 2x + dx) becomes channel c*4 + dy*2 + dx of pixel (y, x). Volume-preserving.
// Height and width must be even: a compile error otherwise.
#pragma once

#include "cnf/core/layer.hpp"

namespace cnf {

struct Squeeze {
  static std::string describe() { return "Squeeze"; }

  template <class In, class F>
  struct On : Elementwise<In> {
    using output = Shape<4 * In::channels, halved(In::height), halved(In::width)>;
    static constexpr bool valid = is_even(In::height) && is_even(In::width);
    static constexpr bool volume_preserving = true;

    static consteval bool check() {
      static_assert(valid, "cnf: Squeeze halves height and width, so both must be even");
      return true;
    }
  };

  template <class B, class In, class F>
  struct Bound {
    using Out = typename On<In, F>::output;

    explicit Bound(Scope<B>) {}

    Forward<B, Squeeze, In, F> forward(Batch<B, In> x, const Maps<B, F>&) const {
      return {.y = Batch<B, Out>(B::space_to_depth(std::move(x.data)))};
    }
    Batch<B, In> inverse(Batch<B, Out> y, const Maps<B, Latents<>>&, const Maps<B, F>&) const {
      return Batch<B, In>(B::depth_to_space(std::move(y.data)));
    }
  };
};

}  // namespace cnf
