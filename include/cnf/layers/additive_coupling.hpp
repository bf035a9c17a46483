// Conditional additive coupling (Dinh et al., NICE, 2015): y0 = z0 + t(z1, h), y1 = z1. Volume-preserving:
// log|det| = 0 by type.
#pragma once

#include <array>
#include <utility>

#include "cnf/layers/coupling.hpp"

namespace cnf {

template <class Net>
struct AdditiveCoupling {
  static std::string describe() { return "AdditiveCoupling<" + Net::describe() + ">"; }

  template <class In, class F>
  struct On : detail::CouplingOn<Net, In, F, 1> {
    static constexpr bool volume_preserving = true;
  };

  template <class B, class In, class F>
  struct Bound : detail::CouplingBound<B, Net, In, F, On<In, F>, 1> {
    using Base = detail::CouplingBound<B, Net, In, F, On<In, F>, 1>;
    using Base::Base;

    Forward<B, AdditiveCoupling, In, F> forward(const Batch<B, In>& z, const Maps<B, F>& features) const {
      if constexpr (detail::couples_at_once<B>) {
        const auto [whole, z1] = Base::forked(z);
        return {.y = Batch<B, In>(
                    B::coupled(whole.data, Base::net(z1, features.template condition<In>()).data, 1).y)};
      } else {
        const auto z1 = Base::second(z);
        return {.y = Batch<B, In>(B::concat(Base::first(z).data + Base::raw(z1, features), z1.data))};
      }
    }

    Batch<B, In> inverse(const Batch<B, In>& y, const Maps<B, Latents<>>&, const Maps<B, F>& features) const {
      const auto y1 = Base::second(y);
      if constexpr (detail::couples_at_once<B>)
        if (!B::gradients_enabled())
          return Batch<B, In>(B::uncoupled(y.data, Base::net(y1, features.template condition<In>()).data, 1));
      return Batch<B, In>(B::concat(Base::first(y).data - Base::raw(y1, features), y1.data));
    }

    /// x from y, and forward again, with one run of the network (compose/reversible.hpp).
    template <class Leaf>
    auto rebuild(const Batch<B, In>& y, const Maps<B, F>& features, const Leaf& leaf) const {
      const auto z1 = leaf([&] { return Base::second(y); });
      const auto t = Base::raw(z1, features);
      const auto z0 = leaf([&] { return Batch<B, typename Base::Changed>(Base::first(y).data - t); });
      return std::pair(std::array{z0.data, z1.data}, Forward<B, AdditiveCoupling, In, F>{
                                                         .y = Batch<B, In>(B::concat(z0.data + t, z1.data))});
    }
  };
};

}  // namespace cnf
