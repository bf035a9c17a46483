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

    Forward<B, AffineCoupling, In, F> forward(Batch<B, In> z, const Maps<B, F>& features) const {
      detail::Summed<B> log_det;
      auto y = Base::changed_by(std::move(z), features, [&](const Tensor& part, const Tensor& raw) {
        auto changed = coupled(part, raw);
        log_det.add(std::move(changed.log_det));
        return std::move(changed.y);
      });
      return {.y = std::move(y), .log_det = log_det.sum()};
    }

    Batch<B, In> inverse(Batch<B, In> y, const Maps<B, Latents<>>&, const Maps<B, F>& features) const {
      return Base::changed_by(std::move(y), features, uncoupled);
    }

    /// x from y, and forward again, with one run of the network (compose/reversible.hpp).
    template <class Leaf>
    auto rebuild(const Batch<B, In>& y, const Maps<B, F>& features, const Leaf& leaf) const {
      const auto z1 = leaf([&] { return Base::second(y); });
      const auto net = scale_and_shift(Base::raw(z1, features));
      const auto z0 =
          leaf([&] { return Batch<B, typename Base::Changed>(restored(Base::first(y).data, net)); });
      auto again = changed(z0.data, z1.data, net);
      return std::pair(std::array{z0.data, z1.data},
                       Forward<B, AffineCoupling, In, F>{.y = Batch<B, In>(std::move(again.y)),
                                                         .log_det = std::move(again.log_det)});
    }

   private:
    using Tensor = typename B::Tensor;
    static constexpr bool at_once = detail::couples_at_once<B> && requires { Scale::bound; };

    struct ScaleAndShift {
      Tensor log_s, t;
    };
    struct Coupled {
      Tensor y;
      typename B::PerSample log_det;
    };

    /// From what the network says, in the precision of the state.
    static ScaleAndShift scale_and_shift(const Tensor& said) {
      return {Scale::template log_scale<B>(B::channels_of(said, 0, Base::changed)),
              B::channels_of(said, Base::changed, Base::changed)};
    }

    static Coupled changed(const Tensor& z0, const Tensor& z1, const ScaleAndShift& net) {
      return {B::concat(B::exp(net.log_s) * z0 + net.t, z1), B::sum(net.log_s)};
    }

    static Tensor restored(const Tensor& y0, const ScaleAndShift& net) {
      return (y0 - net.t) * B::exp(-net.log_s);
    }

    /// Pixel by pixel: y and log|det| from z and what the network says, and z from y.
    static Coupled coupled(const Tensor& z, const Tensor& raw) {
      if constexpr (at_once) {
        auto both = B::coupled(z, raw, Scale::bound);
        return {std::move(both.y), std::move(both.log_det)};
      } else {
        return changed(Base::first_of(z), Base::second_of(z), scale_and_shift(B::to_state(raw, z)));
      }
    }
    static Tensor uncoupled(const Tensor& y, const Tensor& raw) {
      if constexpr (at_once)
        if (!B::gradients_enabled()) return B::uncoupled(y, raw, Scale::bound);
      return B::concat(restored(Base::first_of(y), scale_and_shift(B::to_state(raw, y))), Base::second_of(y));
    }
  };
};

}  // namespace cnf
