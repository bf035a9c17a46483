// Split: half of the channels leave as a whitened latent (Winkler et al., 2019, section 3; Real NVP, 2017,
// section 3.6).
//
//   [z0, z1] -> output z0, latent e = (z1 - mu(z0, h)) / sigma(z0, h),   log|det| = -sum log sigma  nats
//
// so that z1 is N(mu, sigma) when e is standard normal. BasicSplit<Net> takes another network than one 3x3
// convolution. The number of channels must be even: a compile error otherwise.
#pragma once

#include <utility>

#include "cnf/densities/diagonal_gaussian.hpp"
#include "cnf/nets/network.hpp"
#include "cnf/nets/projection.hpp"

namespace cnf {

template <class Net>
struct BasicSplit {
  static std::string describe() {
    return std::is_same_v<Net, Projection<>> ? "Split" : "BasicSplit<" + Net::describe() + ">";
  }

  template <class In, class F>
  struct On : Elementwise<In> {
    using Half = with_channels<In, In::channels / 2>;
    using Condition = condition_t<F, In>;
    using net = typename Net::template On<Half, Condition, 2 * Half::channels>;
    using output = Half;
    using latents = Latents<Half>;

    static constexpr bool even = In::channels % 2 == 0 && In::channels > 0;
    static constexpr bool net_fits = detail::returns_channels<Net, Half, Condition, 2 * Half::channels>;
    static constexpr bool valid = even && matching_map<F, In>::found && net_fits;
    static constexpr long parameters = net::parameters;
    static constexpr long multiply_adds = net::multiply_adds;

    static consteval bool check() {
      static_assert(even, "cnf: Split sends half of the channels away, so their number must be even");
      detail::check_feature_map<F, In>();
      static_assert(net_fits,
                    "cnf: a split's network must return a mean and a log-sigma for each channel that leaves");
      return true;
    }
  };

  template <class B, class In, class F>
  struct Bound {
    using on = On<In, F>;
    using Half = typename on::Half;
    static constexpr int half = Half::channels;

    typename Net::template Bound<B, Half, typename on::Condition, 2 * half> net;

    explicit Bound(Scope<B> scope) : net(detail::network_scope<F, In>(scope.precise())) {}

    Forward<B, BasicSplit, In, F> forward(const Batch<B, In>& z, const Maps<B, F>& features) const {
      const auto [whole, z0] = detail::forked<Half>(z, 0);
      auto result = prior_given(z0, features).whiten(whole.data, half);
      return {.y = Batch<B, Half>(std::move(result.kept)),
              .log_det = std::move(result.log_det),
              .latents = {.data = {std::move(result.e)}}};
    }

    Batch<B, In> inverse(const Batch<B, Half>& z0, const Maps<B, Latents<Half>>& latents,
                         const Maps<B, F>& features) const {
      return Batch<B, In>(prior_given(z0, features).colour(&z0.data, latents.data[0]));
    }

   private:
    detail::Whitening<B> prior_given(const Batch<B, Half>& z0, const Maps<B, F>& features) const {
      return {net(z0, features.template condition<In>()).data};
    }
  };
};

using Split = BasicSplit<Projection<>>;

}  // namespace cnf
