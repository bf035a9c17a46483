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

    Forward<B, AdditiveCoupling, In, F> forward(Batch<B, In> z, const Maps<B, F>& features) const {
      return {.y = Base::changed_by(std::move(z), features, coupled)};
    }

    Batch<B, In> inverse(Batch<B, In> y, const Maps<B, Latents<>>&, const Maps<B, F>& features) const {
      return Base::changed_by(std::move(y), features, uncoupled);
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

   private:
    using Tensor = typename B::Tensor;

    /// Pixel by pixel: y from z and what the network says, and z from y.
    static Tensor coupled(const Tensor& z, const Tensor& raw) {
      if constexpr (detail::couples_at_once<B>)
        return B::coupled(z, raw, 1).y;
      else
        return B::concat(Base::first_of(z) + B::to_state(raw, z), Base::second_of(z));
    }
    static Tensor uncoupled(const Tensor& y, const Tensor& raw) {
      if constexpr (detail::couples_at_once<B>)
        if (!B::gradients_enabled()) return B::uncoupled(y, raw, 1);
      return B::concat(Base::first_of(y) - B::to_state(raw, y), Base::second_of(y));
    }
  };
};

}  // namespace cnf
