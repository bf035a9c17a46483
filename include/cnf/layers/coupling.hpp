// What both couplings share: y = [y0, y1] with y1 = z1 untouched, and a network that sees z1 and the features
// h and says how z0 changes. z0 is the first half of the channels (the smaller half when their number is
// odd). One channel alone can't be coupled.
#pragma once

#include "cnf/nets/network.hpp"

namespace cnf::detail {

/// Shape rules; the network returns PerChannel numbers for each channel that changes.
template <class Net, class In, class F, int PerChannel>
struct CouplingOn : Elementwise<In> {
  static constexpr int changed = In::channels / 2;
  using Changed = with_channels<In, changed>;
  using Kept = with_channels<In, In::channels - changed>;
  using Condition = condition_t<F, In>;
  using net = typename Net::template On<Kept, Condition, PerChannel * changed>;

  static constexpr bool enough_channels = In::channels > 1;
  static constexpr bool net_fits = returns_channels<Net, Kept, Condition, PerChannel * changed>;
  static constexpr bool valid = enough_channels && matching_map<F, In>::found && net_fits;
  static constexpr long parameters = net::parameters;
  static constexpr long multiply_adds = net::multiply_adds;

  static consteval bool check() {
    static_assert(enough_channels,
                  "cnf: a coupling needs at least two channels, one to change and one to look at");
    check_feature_map<F, In>();
    static_assert(!enough_channels || net_fits,
                  "cnf: a coupling network must return as many channels as the coupling asks for, at its "
                  "height and width "
                  "(a shift, and in affine couplings a scale, for each changed channel): fewer would "
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

  typename Net::template Bound<B, Kept, typename On::Condition, PerChannel * changed> net;

  explicit CouplingBound(Scope<B> scope) : net(network_scope<F, In>(scope)) {}

  /// What the network says, in the precision of the flow.
  typename B::Tensor raw(const Batch<B, Kept>& z1, const Maps<B, F>& features) const {
    return B::to_state(net(z1, features.template condition<In>()).data, z1.data);
  }

  /// z, and z1 for the network.
  static auto forked(const Batch<B, In>& z) { return detail::forked<Kept>(z, changed); }

  template <class Y>
  static Batch<B, Changed> first(const Y& y) {
    return Batch<B, Changed>(B::channels_of(y.data, 0, changed));
  }
  template <class Y>
  static Batch<B, Kept> second(const Y& y) {
    return Batch<B, Kept>(B::channels_of(y.data, changed, Kept::channels));
  }
};

}  // namespace cnf::detail
