// Conditional couplings by any monotone map of numbers (transforms/):
//
//   y0 = f(z0; net(z1, h)),  y1 = z1,   log|det| = sum log f'  nats
//
//   SplineCoupling<Net, Bins, Interval<-4, 4>>     rational-quadratic splines (Durkan et al., 2019)
//   MixtureCoupling<Net, Components>               mixtures of logistics (Ho et al., Flow++, 2019)
//
//   TransformCoupling<Net, T>                      by a transform T of one's own (transforms/transform.hpp)
//
// More expressive than AffineCoupling for more numbers from the network: 3 Bins - 1 and 3 Components + 2 a channel.
#pragma once

#include <array>
#include <utility>

#include "cnf/layers/coupling.hpp"
#include "cnf/transforms/logistic_mixture.hpp"
#include "cnf/transforms/rational_quadratic.hpp"

namespace cnf {

template <class Net, class Transform>
struct TransformCoupling {
  static std::string describe() {
    if constexpr (requires { Transform::coupling; })
      return std::string(Transform::coupling) + "<" + Net::describe() + ", " + Transform::parameters_text() +
             ">";
    else
      return "TransformCoupling<" + Net::describe() + ", " + Transform::describe() + ">";
  }

  template <class In, class F>
  using On = detail::CouplingOn<Net, In, F, Transform::per_channel>;

  template <class B, class In, class F>
  struct Bound : detail::CouplingBound<B, Net, In, F, On<In, F>, Transform::per_channel> {
    using Base = detail::CouplingBound<B, Net, In, F, On<In, F>, Transform::per_channel>;
    using Base::Base;
    using Tensor = typename B::Tensor;

    Forward<B, TransformCoupling, In, F> forward(Batch<B, In> z, const Maps<B, F>& features) const {
      detail::Summed<B> log_det;
      auto y = Base::changed_by(std::move(z), features, [&](const Tensor& part, const Tensor& raw) {
        auto changed = Transform::template forward<B>(Base::first_of(part), B::to_state(raw, part));
        log_det.add(B::sum(changed.log_slope));
        return B::concat(changed.y, Base::second_of(part));
      });
      return {.y = std::move(y), .log_det = log_det.sum()};
    }

    Batch<B, In> inverse(Batch<B, In> y, const Maps<B, Latents<>>&, const Maps<B, F>& features) const {
      return Base::changed_by(std::move(y), features, [](const Tensor& part, const Tensor& raw) {
        return B::concat(Transform::template inverse<B>(Base::first_of(part), B::to_state(raw, part)),
                         Base::second_of(part));
      });
    }

    /// x from y, and forward again, with one run of the network (compose/reversible.hpp).
    template <class Leaf>
    auto rebuild(const Batch<B, In>& y, const Maps<B, F>& features, const Leaf& leaf) const {
      const auto z1 = leaf([&] { return Base::second(y); });
      const auto raw = Base::raw(z1, features);
      const auto z0 = leaf([&] {
        return Batch<B, typename Base::Changed>(Transform::template inverse<B>(Base::first(y).data, raw));
      });
      auto again = Transform::template forward<B>(z0.data, raw);
      return std::pair(std::array{z0.data, z1.data},
                       Forward<B, TransformCoupling, In, F>{.y = Batch<B, In>(B::concat(again.y, z1.data)),
                                                            .log_det = B::sum(again.log_slope)});
    }
  };
};

template <class Net, int Bins = 8, class On = Interval<-4, 4>>
using SplineCoupling = TransformCoupling<Net, RationalQuadratic<Bins, On>>;

template <class Net, int Components = 4>
using MixtureCoupling = TransformCoupling<Net, LogisticMixture<Components>>;

}  // namespace cnf
