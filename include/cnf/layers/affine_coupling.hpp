// Conditional affine coupling (Real NVP, 2017; conditional: Winkler et al., 2019, section 3).
//
//   y0 = s(z1, h) z0 + t(z1, h),  y1 = z1,   log|det| = sum log s  nats
//
//   AffineCoupling<ConvNet<512>>                 log s = 2 tanh(r / 2)
//   AffineCoupling<ConvNet<512>, SigmoidScale>   other scales: layers/coupling_scale.hpp
//
// h is the feature map with the layer's own extents; in an unconditional flow there is none.
#pragma once

#include <array>
#include <utility>

#include "cnf/layers/coupling.hpp"
#include "cnf/layers/coupling_scale.hpp"

namespace cnf {

template <class Net, class Scale = TanhScale>
struct AffineCoupling {
  static std::string describe() {
    return "AffineCoupling<" + Net::describe() +
           (std::is_same_v<Scale, TanhScale> ? "" : ", " + Scale::describe()) + ">";
  }

  template <class In, class F>
  using On = detail::CouplingOn<Net, In, F, 2>;

  template <class B, class In, class F>
  struct Bound : detail::CouplingBound<B, Net, In, F, On<In, F>, 2> {
    using Base = detail::CouplingBound<B, Net, In, F, On<In, F>, 2>;
    using Base::Base;

    Forward<B, AffineCoupling, In, F> forward(const Batch<B, In>& z, const Maps<B, F>& features) const {
      if constexpr (at_once) {
        const auto [whole, z1] = Base::forked(z);
        auto result =
            B::coupled(whole.data, Base::net(z1, features.template condition<In>()).data, Scale::bound);
        return {.y = Batch<B, In>(std::move(result.y)), .log_det = std::move(result.log_det)};
      } else {
        const auto z1 = Base::second(z);
        return changed(Base::first(z).data, z1, scale_and_shift(z1, features));
      }
    }

    Batch<B, In> inverse(const Batch<B, In>& y, const Maps<B, Latents<>>&, const Maps<B, F>& features) const {
      const auto y1 = Base::second(y);
      if constexpr (at_once)
        if (!B::gradients_enabled())
          return Batch<B, In>(
              B::uncoupled(y.data, Base::net(y1, features.template condition<In>()).data, Scale::bound));
      return Batch<B, In>(
          B::concat(restored(Base::first(y).data, scale_and_shift(y1, features)).data, y1.data));
    }

    /// x from y, and forward again, with one run of the network (compose/reversible.hpp).
    template <class Leaf>
    auto rebuild(const Batch<B, In>& y, const Maps<B, F>& features, const Leaf& leaf) const {
      const auto z1 = leaf([&] { return Base::second(y); });
      const auto net = scale_and_shift(z1, features);
      const auto z0 = leaf([&] { return restored(Base::first(y).data, net); });
      return std::pair(std::array{z0.data, z1.data}, changed(z0.data, z1, net));
    }

   private:
    static constexpr bool at_once = detail::couples_at_once<B> && requires { Scale::bound; };

    struct ScaleAndShift {
      typename B::Tensor log_s, t;
    };

    ScaleAndShift scale_and_shift(const Batch<B, typename Base::Kept>& z1, const Maps<B, F>& features) const {
      const auto raw = Base::raw(z1, features);
      return {Scale::template log_scale<B>(B::channels_of(raw, 0, Base::changed)),
              B::channels_of(raw, Base::changed, Base::changed)};
    }

    static Forward<B, AffineCoupling, In, F> changed(const typename B::Tensor& z0,
                                                     const Batch<B, typename Base::Kept>& z1,
                                                     const ScaleAndShift& net) {
      return {.y = Batch<B, In>(B::concat(B::exp(net.log_s) * z0 + net.t, z1.data)),
              .log_det = B::sum(net.log_s)};
    }

    static Batch<B, typename Base::Changed> restored(const typename B::Tensor& y0, const ScaleAndShift& net) {
      return Batch<B, typename Base::Changed>((y0 - net.t) * B::exp(-net.log_s));
    }
  };
};

}  // namespace cnf
