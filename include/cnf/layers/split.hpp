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
#include "cnf/nets/projection.hpp"
#include "cnf/nets/tiled.hpp"

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
    using net = detail::network_on<Net, Half, Condition, 2 * Half::channels>;
    using output = Half;
    using latents = Latents<Half>;

    static constexpr bool even = In::channels % 2 == 0 && In::channels > 0;
    static constexpr bool net_fits = detail::returns_channels<Net, Half, Condition, 2 * Half::channels>;
    static constexpr bool valid = detail::is_network<Net> && even && matching_map<F, In>::found && net_fits;
    static constexpr bool tiled = radius_of<net>() != unbounded;
    static constexpr long parameters = net::parameters;
    static constexpr long multiply_adds = net::multiply_adds;

    static consteval bool check() {
      static_assert(detail::expect_network<Net>());
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

    detail::TiledNet<Net, B, Half, typename on::Condition, 2 * half> net;

    explicit Bound(Scope<B> scope) : net(detail::network_scope<F, In>(scope.precise())) {}

    Forward<B, BasicSplit, In, F> forward(Batch<B, In> z, const Maps<B, F>& features) const {
      if (net.in_tiles(z.data)) {
        detail::Summed<B> log_det;
        auto e = B::blank(z.data, B::height(z.data), B::width(z.data), half);
        by_tiles(z.data, features, [&](const Window& tile, const detail::Whitening<B>& prior) {
          auto result = prior.whiten(B::window(z.data, tile), half);
          log_det.add(std::move(result.log_det));
          B::paste(e, tile, result.e);
        });
        return {.y = Batch<B, Half>(B::owned(B::channels_of(z.data, 0, half))),
                .log_det = log_det.sum(),
                .latents = {.data = {std::move(e)}}};
      }
      const auto [whole, z0] = detail::forked<Half>(z, 0);
      auto result = prior_given(z0, features).whiten(whole.data, half);
      return {.y = Batch<B, Half>(std::move(result.kept)),
              .log_det = std::move(result.log_det),
              .latents = {.data = {std::move(result.e)}}};
    }

    Batch<B, In> inverse(Batch<B, Half> z0, Maps<B, Latents<Half>> latents,
                         const Maps<B, F>& features) const {
      if (!net.in_tiles(z0.data))
        return Batch<B, In>(prior_given(z0, features).colour(&z0.data, latents.data[0]));
      auto z = B::blank(z0.data, B::height(z0.data), B::width(z0.data), 2 * half);
      B::set_channels(z, 0, z0.data);
      z0.data = typename B::Tensor();
      by_tiles(z, features, [&](const Window& tile, const detail::Whitening<B>& prior) {
        const auto kept = B::channels_of(B::window(z, tile), 0, half);
        B::paste(z, tile, prior.colour(&kept, B::window(latents.data[0], tile)));
      });
      return Batch<B, In>(std::move(z));
    }

   private:
    /// take(tile, the prior there); z: the channels that stay, or all.
    template <class Take>
    void by_tiles(const typename B::Tensor& z, const Maps<B, F>& features, const Take& take) const {
      net.for_each_tile(
          z, features.template condition<In>(),
          [&](const Window& seen) { return Batch<B, Half>(B::channels_of(B::window(z, seen), 0, half)); },
          [&](const Window& tile, const typename B::Tensor& raw) { take(tile, detail::Whitening<B>{raw}); });
    }

    detail::Whitening<B> prior_given(const Batch<B, Half>& z0, const Maps<B, F>& features) const {
      return {net(z0, features.template condition<In>()).data};
    }
  };
};

using Split = BasicSplit<Projection<>>;

}  // namespace cnf
