// Unsqueeze: the inverse of Squeeze, (4C, H, W) -> (C, 2H, 2W). Channel c*4 + dy*2 + dx of pixel (y, x)
// becomes channel c of pixel (2y + dy, 2x + dx). Volume-preserving. The number of channels must divide by 4:
// a compile error otherwise.
#pragma once

#include "cnf/layers/squeeze.hpp"

namespace cnf {

struct Unsqueeze {
  static std::string describe() { return "Unsqueeze"; }

  template <class In, class F>
  struct On : Elementwise<In> {
    static constexpr bool fits = can_double(In::height) && can_double(In::width);
    static constexpr bool valid = In::channels % 4 == 0 && fits;
    using output = Shape<In::channels / 4, doubled(In::height), doubled(In::width)>;
    static constexpr bool volume_preserving = true;

    static consteval bool check() {
      static_assert(In::channels % 4 == 0,
                    "cnf: Unsqueeze turns four channels into one, so their number must divide by 4");
      static_assert(fits, "cnf: Unsqueeze doubles height and width, beyond those of the target here");
      return true;
    }
  };

  template <class B, class In, class F>
  struct Bound {
    using Out = typename On<In, F>::output;

    explicit Bound(Scope<B>) {}

    Forward<B, Unsqueeze, In, F> forward(const Batch<B, In>& x, const Maps<B, F>&) const {
      return {.y = Batch<B, Out>(B::depth_to_space(x.data))};
    }
    Batch<B, In> inverse(const Batch<B, Out>& y, const Maps<B, Latents<>>&, const Maps<B, F>&) const {
      return Batch<B, In>(B::space_to_depth(y.data));
    }
  };
};

}  // namespace cnf
