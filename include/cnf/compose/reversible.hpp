// Reversible<L>: L, trained without storing what its steps computed. The backward pass rebuilds every input
// from the output by the inverse (Gomez et al., The reversible residual network, 2017), so memory does not
// grow with depth, for one more run of each network.
//
//   Sequential<Squeeze, Reversible<Repeat<64, Step>>, Split, ...>
//
// Model's option `reversible` does the same for every Repeat of a model (compose/repeat.hpp).
//
// The same function, parameters and names as L, so checkpoints fit both. L must emit no latents. On a backend
// without gradients it is L. Gradients are those of L up to rounding; where rounding has carried the rebuilt
// input of L away from its input, backward throws Error instead (on a GPU, which it does not wait for, it makes
// a gradient NaN). Gradients reach parameters by backward(), not by autograd::grad().
#pragma once

#include "cnf/core/layer.hpp"

namespace cnf {

template <class L>
struct Reversible {
  static std::string describe() { return L::describe(); }

  template <class In, class F>
  struct On : detail::layer_on<L, In, F> {
    using one = detail::layer_on<L, In, F>;
    static constexpr bool whole = one::latents::count == 0;
    static constexpr bool valid = one::valid && whole;

    static consteval bool check() {
      if constexpr (sizeof(check_layer_accepts_input<0, L, In, F>) > 0 && one::valid)
        static_assert(
            whole,
            "cnf: Reversible<L> rebuilds the input of L from its output, so L must emit no latents: put "
            "a Split beside it, not inside");
      return true;
    }
  };

  template <class B, class In, class F>
  struct Bound {
    using Result = Forward<B, Reversible, In, F>;
    using Out = typename On<In, F>::output;

    bound_t<L, B, In, F> layer;
    typename B::Module* module;
    typename B::Precision precision;

    explicit Bound(Scope<B> scope)
        : layer(scope.rebuilt()), module(&scope.module()), precision(scope.networks()) {}

    template <class Watch = NoWatch>
    Result forward(Batch<B, In> x, const Maps<B, F>& features, const Watch& watch = {}) const {
      if constexpr (detail::can_rebuild<Bound, Watch, Batch<B, In>, Maps<B, F>>)
        if (B::gradients_enabled()) return B::rebuilt_backward(*this, x, features);
      auto result = forward_watched<L>(layer, std::move(x), features, watch);
      return {.y = std::move(result.y), .log_det = std::move(result.log_det)};
    }

    template <class Undo = ByInverse>
    Batch<B, In> inverse(Batch<B, Out> y, const Maps<B, Latents<>>& none, const Maps<B, F>& features,
                         const Undo& undo = {}) const {
      return undone(layer, std::move(y), none, features, undo);
    }
  };
};

}  // namespace cnf
