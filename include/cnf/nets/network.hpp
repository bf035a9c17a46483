// The network contract: what couplings, splits and priors ask of the network inside them. A network is a
// spec, like a layer.
//
//   struct Net {
//     static std::string describe();
//     // In: what it sees of y; Condition: its feature map, of 0 channels for none.
//     template <class In, class Condition, int Out>
//     struct On { using output = Shape<Out, H, W>; static constexpr long parameters, multiply_adds;
//                 static constexpr int radius, width; };
//     template <class B, class In, class Condition, int Out>
//     struct Bound {
//       explicit Bound(Scope<B>);
//       Batch<B, output> operator()(const Batch<B, In>&, const SeenMap<B, Condition>&) const;
//     };
//   };
//
// `radius` is how many pixels it looks in each direction, `width` the channels of its widest map: large images go through
// it in tiles (nets/tiled.hpp). A network without them, or of a radius `unbounded`, gets the whole image.
//
// The scope tells in which precision it should compute and where it may share the convolution of its map; a
// network that starts with JointConv (nets/conv.hpp) does both. The last map of a network inside a flow starts at zero, so that a new flow is close to the identity.
#pragma once

#include <utility>

#include "cnf/core/layer.hpp"

namespace cnf {

template <class Net, class In, class Condition, int Out>
concept NetworkSpec = requires {
  typename Net::template On<In, Condition, Out>::output;
  { Net::template On<In, Condition, Out>::parameters } -> std::convertible_to<long>;
};

namespace detail {

/// z, and the part of its channels from `first` on that a network sees; a backend may add up their gradients at once.
template <class Part, class B, class In>
std::pair<Batch<B, In>, Batch<B, Part>> forked(const Batch<B, In>& z, int first) {
  if constexpr (requires { B::forked(z.data, 0L, 1L); }) {
    const auto both = B::forked(z.data, first, Part::channels);
    return {Batch<B, In>(both[0]), Batch<B, Part>(both[1])};
  } else {
    return {z, Batch<B, Part>(B::channels_of(z.data, first, Part::channels))};
  }
}

/// The scope of the network of a layer on In.
template <class F, class In, class B>
Scope<B> network_scope(const Scope<B>& layer) {
  return layer.child("net").seeing(matching_map<F, In>::index);
}

/// Whether a network returns exactly the Out channels that its layer needs, at the layer's extents.
template <class Net, class In, class Condition, int Out>
inline constexpr bool returns_channels =
    std::is_same_v<typename network_on<Net, In, Condition, Out>::output, with_channels<In, Out>>;

}  // namespace detail
}  // namespace cnf
