// Conditional affine coupling (Real NVP, 2017; conditional: Winkler et al., 2019, section 3).
//
//   y0 = s(z1, h) z0 + t(z1, h),  y1 = z1,   log|det| = sum log s  nats
//
//   AffineCoupling<ConvNet<512>>                 log s = 2 tanh(r / 2)
//   AffineCoupling<ConvNet<512>, SigmoidScale>   other scales: layers/coupling_scale.hpp
//
// h is the feature map with the layer's own extents; in an unconditional flow there is none.
#pragma once

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
  struct Bound : detail::CouplingBound<B, Net, On<In, F>, 2> {
    using Base = detail::CouplingBound<B, Net, On<In, F>, 2>;
    using Base::Base;

    Forward<B, AffineCoupling, In, F> forward(const Batch<B, In>& z, const Maps<B, F>& features) const {
      const auto z1 = Base::second(z);
      const auto [log_s, t] = scale_and_shift(z1, features);
      return {.y = Batch<B, In>(B::concat(B::exp(log_s) * Base::first(z).data + t, z1.data)),
              .log_det = B::sum(log_s)};
    }

    Batch<B, In> inverse(const Batch<B, In>& y, const Maps<B, Latents<>>&, const Maps<B, F>& features) const {
      const auto y1 = Base::second(y);
      const auto [log_s, t] = scale_and_shift(y1, features);
      return Batch<B, In>(B::concat((Base::first(y).data - t) * B::exp(-log_s), y1.data));
    }

   private:
    struct ScaleAndShift {
      typename B::Tensor log_s, t;
    };

    ScaleAndShift scale_and_shift(const Batch<B, typename Base::Kept>& z1, const Maps<B, F>& features) const {
      const auto raw = Base::net(z1, features.template condition<In>()).data;
      return {Scale::template log_scale<B>(B::channels_of(raw, 0, Base::changed)),
              B::channels_of(raw, Base::changed, Base::changed)};
    }
  };
};

}  // namespace cnf
