// Residual: y minus the feature map of its own size, x -> x - h; volume-preserving.
//
//   Sequential<Residual, Level, Split, Level, Prior>   over the maps of Enlarged<Rrdb<...>>
//
// Put first, it leaves to the rest of a flow only what the map does not tell yet. What varies much between images (colours, brightness)
// is then gone before anything is learnt, so the flow keeps its scales on images unlike those that it was trained on. The map must have
// the layer's shape, channels included: a compile error otherwise.
#pragma once

#include "cnf/core/layer.hpp"

namespace cnf {

struct Residual {
  static std::string describe() { return "Residual"; }

  template <class In, class F>
  struct On : Elementwise<In> {
    static constexpr bool has_map = matching_map<F, In>::count == 1;
    static constexpr bool same_channels = condition_t<F, In>::channels == In::channels;
    static constexpr bool valid = has_map && same_channels;
    static constexpr bool volume_preserving = true;

    static consteval bool check() {
      detail::check_feature_map<F, In>();
      static_assert(!has_map || same_channels,
                    "cnf: Residual subtracts a feature map, which must have as many channels as its input");
      static_assert(F::count > 0, "cnf: Residual subtracts a feature map, but the flow is unconditional");
      return true;
    }
  };

  template <class B, class In, class F>
  struct Bound {
    explicit Bound(Scope<B>) {}

    Forward<B, Residual, In, F> forward(Batch<B, In> x, const Maps<B, F>& features) const {
      const auto map = features.template condition<In>().data;
      return {.y = Batch<B, In>(by_bands<B>(std::move(x.data), [&](const auto& part, const Window& window) {
                return part - B::window(map, window);
              }))};
    }
    Batch<B, In> inverse(Batch<B, In> y, const Maps<B, Latents<>>&, const Maps<B, F>& features) const {
      const auto map = features.template condition<In>().data;
      return Batch<B, In>(by_bands<B>(std::move(y.data), [&](const auto& part, const Window& window) {
        return part + B::window(map, window);
      }));
    }
  };
};

}  // namespace cnf
