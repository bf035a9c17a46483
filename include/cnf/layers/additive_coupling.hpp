// Conditional additive coupling (Dinh et al., NICE, 2015): y0 = z0 + t(z1, h), y1 = z1. Volume-preserving:
// log|det| = 0 by type.
#pragma once

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
  struct Bound : detail::CouplingBound<B, Net, On<In, F>, 1> {
    using Base = detail::CouplingBound<B, Net, On<In, F>, 1>;
    using Base::Base;

    Forward<B, AdditiveCoupling, In, F> forward(const Batch<B, In>& z, const Maps<B, F>& features) const {
      const auto z1 = Base::second(z);
      const auto t = Base::net(z1, features.template condition<In>()).data;
      return {.y = Batch<B, In>(B::concat(Base::first(z).data + t, z1.data))};
    }

    Batch<B, In> inverse(const Batch<B, In>& y, const Maps<B, Latents<>>&, const Maps<B, F>& features) const {
      const auto y1 = Base::second(y);
      const auto t = Base::net(y1, features.template condition<In>()).data;
      return Batch<B, In>(B::concat(Base::first(y).data - t, y1.data));
    }
  };
};

}  // namespace cnf
