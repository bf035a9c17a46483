// What both couplings share: y = [y0, y1] with y1 = z1 untouched, and a network that sees z1 and the features
// h and says how z0 changes. z0 is the first half of the channels (the smaller half when their number is
// odd). One channel alone can't be coupled.
#pragma once

#include "cnf/nets/tiled.hpp"

namespace cnf::detail {

/// Shape rules; the network returns PerChannel numbers for each channel that changes.
template <class Net, class In, class F, int PerChannel>
struct CouplingOn : Elementwise<In> {
  static constexpr int changed = In::channels / 2;
  using Changed = with_channels<In, changed>;
  using Kept = with_channels<In, In::channels - changed>;
  using Condition = condition_t<F, In>;
  using net = network_on<Net, Kept, Condition, PerChannel * changed>;

  static constexpr bool enough_channels = In::channels > 1;
  static constexpr bool net_fits = returns_channels<Net, Kept, Condition, PerChannel * changed>;
  static constexpr bool valid = is_network<Net> && enough_channels && matching_map<F, In>::found && net_fits;
  static constexpr bool tiled = radius_of<net>() != unbounded;
  static constexpr long parameters = net::parameters;
  static constexpr long multiply_adds = net::multiply_adds;

  static consteval bool check() {
    static_assert(expect_network<Net>());
    static_assert(enough_channels,
                  "cnf: a coupling needs at least two channels, one to change and one to look at");
    check_feature_map<F, In>();
    static_assert(
        !enough_channels || net_fits,
        "cnf: a coupling network must return as many channels as the coupling asks for, at its height and "
        "width (what "
        "each changed channel needs: a shift, and in affine couplings a scale, in others more): fewer would "
        "broadcast in silence");
    return true;
  }
};

/// Whether a backend does what a coupling does to the state as one operation, and undoes it.
template <class B>
concept couples_at_once = requires(const typename B::Tensor& t) {
  B::coupled(t, t, 1.0);
  B::uncoupled(t, t, 1.0);
};

template <class B, class Net, class In, class F, class On, int PerChannel>
struct CouplingBound {
  using Changed = typename On::Changed;
  using Kept = typename On::Kept;
  static constexpr int changed = On::changed;

  TiledNet<Net, B, Kept, typename On::Condition, PerChannel * changed> net;

  explicit CouplingBound(Scope<B> scope) : net(network_scope<F, In>(scope)) {}

  /// What the network says, in the precision of the flow.
  typename B::Tensor raw(const Batch<B, Kept>& z1, const Maps<B, F>& features) const {
    return B::to_state(net(z1, features.template condition<In>()).data, z1.data);
  }

  /// change(z, what the network says of it): of all of z, or of the tiles of a large image, in place, since no tile changes
  /// what the network sees.
  template <class Change>
  Batch<B, In> changed_by(Batch<B, In> z, const Maps<B, F>& features, const Change& change) const {
    const auto condition = features.template condition<In>();
    if (!net.in_tiles(z.data)) {
      const auto [whole, z1] = forked<Kept>(z, changed);
      return Batch<B, In>(change(whole.data, net(z1, condition).data));
    }
    auto y = B::owned(std::move(z.data));
    net.for_each_tile(
        y, condition, [&](const Window& seen) { return second(Batch<B, In>(B::window(y, seen))); },
        [&](const Window& tile, const typename B::Tensor& raw) {
          B::paste(y, tile, change(B::window(y, tile), raw));
        });
    return Batch<B, In>(std::move(y));
  }

  static typename B::Tensor first_of(const typename B::Tensor& y) { return B::channels_of(y, 0, changed); }
  static typename B::Tensor second_of(const typename B::Tensor& y) {
    return B::channels_of(y, changed, Kept::channels);
  }
  template <class Y>
  static Batch<B, Changed> first(const Y& y) {
    return Batch<B, Changed>(first_of(y.data));
  }
  template <class Y>
  static Batch<B, Kept> second(const Y& y) {
    return Batch<B, Kept>(second_of(y.data));
  }
};

}  // namespace cnf::detail
