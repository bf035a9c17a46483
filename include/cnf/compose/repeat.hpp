// Repeat<K, L>: K copies of L, each with parameters of its own. A value, not K types: one bound type, an
// array and a loop, so compile time doesn't grow with K. L must return the shape that it takes.
//
// In a model with the option `reversible`, or inside Reversible, the backward pass rebuilds what the steps
// computed (compose/reversible.hpp).
#pragma once

#include <vector>

#include "cnf/core/describe.hpp"
#include "cnf/core/layer.hpp"

namespace cnf {

template <int K, class L>
struct Repeat {
  static std::string describe() { return "Repeat<" + std::to_string(K) + ", " + L::describe() + ">"; }

  template <class In, class F>
  struct On : Elementwise<In> {
    using one = detail::layer_on<L, In, F>;
    static constexpr bool positive = K > 0;
    static constexpr bool keeps_shape = std::is_same_v<typename one::output, In> && one::latents::count == 0;
    static constexpr bool valid = positive && one::valid && keeps_shape;
    static constexpr bool volume_preserving = one::volume_preserving;
    static constexpr bool tiled = runs_in_tiles<one>();
    static constexpr long parameters = K * one::parameters;
    static constexpr long multiply_adds = K * one::multiply_adds;

    static consteval bool check() {
      static_assert(positive,
                    "cnf: Repeat<K, L> needs K of at least 1: zero repeats would be no layer at all");
      if constexpr (sizeof(check_layer_accepts_input<0, L, In, F>) > 0 && one::valid)
        static_assert(keeps_shape,
                      "cnf: Repeat<K, L> needs an L that returns the shape it takes: put a Squeeze or Split "
                      "beside it, not inside");
      return true;
    }

    static void add_rows(std::vector<LayerRow>& rows, const std::string& path, long repeats) {
      add_layer_rows<L, In, F>(rows, path + ".*", repeats * K);
    }
  };

  template <class B, class In, class F>
  struct Bound {
    using Result = Forward<B, Repeat, In, F>;
    using Out = In;

    std::vector<bound_t<L, B, In, F>> layers;
    typename B::Module* module;
    typename B::Precision precision;
    bool rebuilt;

    explicit Bound(Scope<B> scope)
        : module(&scope.module()), precision(scope.networks()), rebuilt(scope.is_rebuilt()) {
      layers.reserve(K);
      for (int k = 0; k < K; ++k) layers.emplace_back(scope.child(k));
    }

    template <class Watch = NoWatch>
    Result forward(Batch<B, In> x, const Maps<B, F>& features, const Watch& watch = {}) const {
      if constexpr (detail::can_rebuild<Bound, Watch, Batch<B, In>, Maps<B, F>>)
        if (rebuilt && B::gradients_enabled()) return B::rebuilt_backward(*this, x, features);
      Result all{.y = std::move(x)};
      std::vector<decltype(all.log_det)> log_dets;
      for (int k = 0; k < K; ++k) {
        auto step = forward_watched<L>(layers[std::size_t(k)], std::move(all.y), features, watch.inside(k));
        all.y = std::move(step.y);
        log_dets.push_back(std::move(step.log_det));
      }
      if constexpr (requires { B::sum_of(log_dets); }) {
        all.log_det = B::sum_of(log_dets);
      } else {
        all.log_det = std::move(log_dets[0]);
        for (std::size_t k = 1; k < K; ++k) all.log_det = all.log_det + log_dets[k];
      }
      return all;
    }

    template <class Undo = ByInverse>
    Batch<B, In> inverse(Batch<B, In> y, const Maps<B, Latents<>>& none, const Maps<B, F>& features,
                         const Undo& undo = {}) const {
      for (std::size_t k = K; k-- > 0;) y = undone(layers[k], std::move(y), none, features, undo);
      return y;
    }
  };
};

}  // namespace cnf
