// Conditional coupling of pixels (Dinh et al., Real NVP, 2017, section 3.4): those of one colour of a checkerboard change,
// those of the other tell how. All channels of a pixel change together, so one channel is enough.
//
//   y = z where row + column + Parity is even;  elsewhere y = f(z; net(z of the even pixels, h))
//   log|det| = sum log f' over the pixels that change   nats
//
//   CheckerboardCoupling<ConvNet<64>>                             f affine, the odd pixels change
//   CheckerboardCoupling<ConvNet<64>, 1, RationalQuadratic<8>>    f a spline, the even pixels change
//
// Two in a row of different parity change all. A network of 1x1 convolutions sees nothing of the other pixels: take one that
// looks around. On an image of one pixel there is nothing to look at: a compile error.
#pragma once

#include <string>
#include <utility>

#include "cnf/nets/tiled.hpp"
#include "cnf/transforms/affine.hpp"

namespace cnf {

template <class Net, int Parity = 0, class Transform = AffineTransform<>>
struct CheckerboardCoupling {
  static_assert(Parity == 0 || Parity == 1, "cnf: CheckerboardCoupling keeps the pixels of parity 0 or 1");

  static std::string describe() {
    return "CheckerboardCoupling<" + Net::describe() + ", " + std::to_string(Parity) +
           (std::is_same_v<Transform, AffineTransform<>> ? "" : ", " + Transform::describe()) + ">";
  }

  template <class In, class F>
  struct On : Elementwise<In> {
    using Condition = condition_t<F, In>;
    static constexpr int said = Transform::per_channel * In::channels;
    using net = detail::network_on<Net, In, Condition, said>;
    static constexpr bool has_pixels = !is_fixed_shape<In> || area<In> > 1;
    static constexpr bool net_fits = detail::returns_channels<Net, In, Condition, said>;
    static constexpr bool valid =
        detail::is_network<Net> && has_pixels && matching_map<F, In>::found && net_fits;
    static constexpr bool tiled = radius_of<net>() != unbounded;
    static constexpr long parameters = net::parameters;
    static constexpr long multiply_adds = net::multiply_adds;

    static consteval bool check() {
      static_assert(detail::expect_network<Net>());
      static_assert(has_pixels,
                    "cnf: a checkerboard needs more than one pixel: couple the channels of a vector");
      detail::check_feature_map<F, In>();
      static_assert(
          net_fits,
          "cnf: a checkerboard coupling's network must return all parameters of its transform, for each "
          "channel, at its height and width");
      return true;
    }
  };

  template <class B, class In, class F>
  struct Bound {
    using on = On<In, F>;
    using Tensor = typename B::Tensor;

    detail::TiledNet<Net, B, In, typename on::Condition, on::said> net;

    explicit Bound(Scope<B> scope) : net(detail::network_scope<F, In>(scope)) {}

    Forward<B, CheckerboardCoupling, In, F> forward(Batch<B, In> z, const Maps<B, F>& features) const {
      detail::Summed<B> log_det;
      auto y = changed_by(std::move(z), features, [&](const Tensor& part, const Tensor& raw, long parity) {
        const auto changed = Transform::template forward<B>(part, raw);
        log_det.add(B::sum(B::checkered(changed.log_slope * 0.0, changed.log_slope, parity)));
        return changed.y;
      });
      return {.y = std::move(y), .log_det = log_det.sum()};
    }

    Batch<B, In> inverse(Batch<B, In> y, const Maps<B, Latents<>>&, const Maps<B, F>& features) const {
      return changed_by(std::move(y), features, [](const Tensor& part, const Tensor& raw, long) {
        return Transform::template inverse<B>(part, raw);
      });
    }

   private:
    /// change(z, what the network says of it, parity there) of the pixels that change: of the whole image, or of the tiles of a
    /// large one, in place, since no tile changes what the network sees.
    template <class Change>
    Batch<B, In> changed_by(Batch<B, In> z, const Maps<B, F>& features, const Change& change) const {
      const auto condition = features.template condition<In>();
      const auto parity_at = [](const Window& w) { return Parity + w.top + w.left; };
      const auto kept = [](const Tensor& x, long parity) {
        return Batch<B, In>(B::checkered(x, x * 0.0, parity));
      };
      const auto result = [&](const Tensor& part, const Tensor& raw, long parity) {
        return B::checkered(part, change(part, B::to_state(raw, part), parity), parity);
      };
      if (!net.in_tiles(z.data))
        return Batch<B, In>(result(z.data, net(kept(z.data, Parity), condition).data, Parity));
      auto y = B::owned(std::move(z.data));
      net.for_each_tile(
          y, condition, [&](const Window& seen) { return kept(B::window(y, seen), parity_at(seen)); },
          [&](const Window& tile, const Tensor& raw) {
            B::paste(y, tile, result(B::window(y, tile), raw, parity_at(tile)));
          });
      return Batch<B, In>(std::move(y));
    }
  };
};

}  // namespace cnf
