// Prior: whitens what is left at the end of a flow (Winkler et al., 2019, section 3).
//
//   e = (z - mu(h)) / sigma(h),   log|det| = -sum log sigma  nats
//
// so that z is N(mu(h), sigma(h)) when e is standard normal; the temperature of sampling reaches it like
// every other latent. In an unconditional flow mu and sigma are learnt numbers, one per channel.
// BasicPrior<Net> takes another network than one 3x3 convolution.
#pragma once

#include "cnf/densities/diagonal_gaussian.hpp"
#include "cnf/nets/projection.hpp"
#include "cnf/nets/tiled.hpp"

namespace cnf {

template <class Net>
struct BasicPrior {
  static std::string describe() {
    return std::is_same_v<Net, Projection<>> ? "Prior" : "BasicPrior<" + Net::describe() + ">";
  }

  template <class In, class F>
  struct On : Elementwise<In> {
    using Condition = condition_t<F, In>;
    using Unseen = with_channels<In, 0>;
    using net = detail::network_on<Net, Unseen, Condition, 2 * In::channels>;
    static constexpr bool conditional = Condition::channels > 0;

    static constexpr bool net_fits = detail::returns_channels<Net, Unseen, Condition, 2 * In::channels>;
    static constexpr bool valid = detail::is_network<Net> && matching_map<F, In>::found && net_fits;
    static constexpr bool tiled = !conditional || radius_of<net>() != unbounded;
    static constexpr long parameters = conditional ? net::parameters : 2 * In::channels;
    static constexpr long multiply_adds = conditional ? net::multiply_adds : 0;

    static consteval bool check() {
      static_assert(detail::expect_network<Net>());
      detail::check_feature_map<F, In>();
      static_assert(net_fits, "cnf: a prior's network must return a mean and a log-sigma for each channel");
      return true;
    }
  };

  template <class B, class In, class F>
  struct Bound {
    using on = On<In, F>;

    /// mu and raw log-sigma without features.
    struct Constant {
      typename B::Parameter bias;
      explicit Constant(Scope<B> scope) : bias(scope.parameter("bias", {2 * In::channels}, initial::zeros)) {}
    };
    struct Conditional {
      detail::TiledNet<Net, B, typename on::Unseen, typename on::Condition, 2 * In::channels> call;
      explicit Conditional(Scope<B> scope) : call(scope) {}
    };
    std::conditional_t<on::conditional, Conditional, Constant> net;

    explicit Bound(Scope<B> scope) : net(detail::network_scope<F, In>(scope.precise())) {}

    Forward<B, BasicPrior, In, F> forward(Batch<B, In> z, const Maps<B, F>& features) const {
      if (in_tiles(z)) {
        detail::Summed<B> log_det;
        auto e = by_tiles(std::move(z), features, [&](const detail::Whitening<B>& prior, const auto& part) {
          auto result = prior.whiten(part, 0);
          log_det.add(std::move(result.log_det));
          return std::move(result.e);
        });
        return {.y = std::move(e), .log_det = log_det.sum()};
      }
      auto result = prior_for(z, features).whiten(z.data, 0);
      return {.y = Batch<B, In>(std::move(result.e)), .log_det = std::move(result.log_det)};
    }

    Batch<B, In> inverse(Batch<B, In> e, const Maps<B, Latents<>>&, const Maps<B, F>& features) const {
      if (in_tiles(e))
        return by_tiles(std::move(e), features, [](const detail::Whitening<B>& prior, const auto& part) {
          return prior.colour(nullptr, part);
        });
      return Batch<B, In>(prior_for(e, features).colour(nullptr, e.data));
    }

   private:
    bool in_tiles(const Batch<B, In>& z) const {
      if constexpr (on::conditional)
        return net.call.in_tiles(z.data);
      else
        return false;
    }

    /// change(the prior there, part of z) for the tiles of a large image; in place.
    template <class Change>
    Batch<B, In> by_tiles(Batch<B, In> z, const Maps<B, F>& features, const Change& change) const {
      auto y = B::owned(std::move(z.data));
      if constexpr (on::conditional)
        net.call.for_each_tile(
            y, features.template condition<In>(),
            [](const Window&) { return Batch<B, typename on::Unseen>(); },
            [&](const Window& tile, const typename B::Tensor& raw) {
              B::paste(y, tile, change(detail::Whitening<B>{raw}, B::window(y, tile)));
            });
      return Batch<B, In>(std::move(y));
    }

    detail::Whitening<B> prior_for(const Batch<B, In>& like, const Maps<B, F>& features) const {
      if constexpr (on::conditional)
        return {net.call({}, features.template condition<In>()).data};
      else
        return {B::broadcast_channels(B::vector(net.bias), like.data)};
    }
  };
};

using Prior = BasicPrior<Projection<>>;

}  // namespace cnf
