// The layer contract. A layer is a *spec*, an empty type that says two things; yours is as good as ours.
//
//   struct Shift {                                        // y = x + b, log|det| = 0
//     static std::string describe() { return "Shift"; }
//
//     // 1. What it does to shapes; F = Features<...>. Elementwise: output = In, no latents, nothing to reject.
//     template <class In, class F>
//     struct On : cnf::Elementwise<In> {
//       static constexpr bool volume_preserving = true;
//       static constexpr long parameters = In::channels;
//     };
//
//     // 2. What it does to numbers, on any backend B.
//     template <class B, class In, class F>
//     struct Bound {
//       typename B::Parameter b;
//       explicit Bound(cnf::Scope<B> scope) : b(scope.parameter("b", {In::channels}, cnf::initial::zeros)) {}
//
//       cnf::Forward<B, Shift, In, F> forward(const cnf::Batch<B, In>& x, const cnf::Maps<B, F>&) const {
//         return {.y = cnf::Batch<B, In>(B::add_channels(x.data, B::vector(b)))};
//       }
//       cnf::Batch<B, In> inverse(const cnf::Batch<B, In>& y, const cnf::Maps<B, cnf::Latents<>>&,
//                                 const cnf::Maps<B, F>&) const {
//         return cnf::Batch<B, In>(B::add_channels(y.data, -B::vector(b)));
//       }
//     };
//   };
//
// Promises: forward (data -> latent) is a bijection from In to output and latents together, for every fixed
// F; inverse undoes it; log_det is log|det d(output, latents)/dx| in nats, one number per sample (or one for
// all); samples don't influence each other. testing/check_layer.hpp checks them. Bound's scope registers
// parameters under dotted names. forward and inverse may take their arguments by value: what nobody else holds, they may
// change in place. A bound layer may also offer forward_with(next, x) -> {y, log_det} and
// inverse_with(next, y) -> x, for a bound layer after it with which it can be one operation: Sequential then calls
// those.
#pragma once

#include <concepts>
#include <utility>

#include "cnf/core/batch.hpp"
#include "cnf/core/diagnostics.hpp"
#include "cnf/core/scope.hpp"
#include "cnf/core/tiles.hpp"
#include "cnf/noise/initial.hpp"

namespace cnf {

/// Defaults for a layer that keeps its shape: derive `On` from it and override what differs. `check()` holds
/// the layer's own static_assert sentences, `valid` the same conditions without a message; `tiled`: whether its networks, if it
/// has any, run in tiles over large images (core/tiles.hpp). multiply_adds is
/// per sample, 0 for dynamic shapes.
template <class In>
struct Elementwise {
  using output = In;
  using latents = Latents<>;
  static constexpr bool valid = true;
  static constexpr bool volume_preserving = false;
  static constexpr bool tiled = true;
  static constexpr long parameters = 0;
  static constexpr long multiply_adds = 0;
  static consteval bool check() { return true; }
};

/// A spec that has shape rules for In and F. Cheap: names only.
template <class Spec, class In, class F>
concept LayerSpec = detail::is_layer<Spec> && requires {
  typename Spec::template On<In, F>::output;
  typename Spec::template On<In, F>::latents;
  { Spec::template On<In, F>::valid } -> std::convertible_to<bool>;
  { Spec::template On<In, F>::parameters } -> std::convertible_to<long>;
};

/// Flow accepts inputs of shape In with feature maps F; never an error, so it may be negated.
template <class Flow, class In, class F = Features<>>
concept FlowFor = LayerSpec<Flow, In, F> && Flow::template On<In, F>::valid;

namespace detail {

template <class Flow, class In, class F>
struct checked : check_layer_accepts_input<0, Flow, In, F> {
  using on = layer_on<Flow, In, F>;
};

}  // namespace detail

/// Shape rules of a flow after reporting, as compile errors, what is wrong with it.
template <class Flow, class In, class F = Features<>>
using checked_t = typename detail::checked<Flow, In, F>::on;

/// The shape that a flow gives.
template <class Flow, class In, class F = Features<>>
using output_t = typename checked_t<Flow, In, F>::output;

/// All latents of a flow: those that splits emitted, then the output of the last layer.
template <class Flow, class In, class F = Features<>>
using latents_t = join_t<typename checked_t<Flow, In, F>::latents, Latents<output_t<Flow, In, F>>>;

template <class Flow, class In, class F = Features<>>
inline constexpr bool volume_preserving = checked_t<Flow, In, F>::volume_preserving;

/// Number of parameters.
template <class Flow, class In, class F = Features<>>
inline constexpr long parameter_count = checked_t<Flow, In, F>::parameters;
/// Multiply-adds for one sample; 0 for a dynamic shape.
template <class Flow, class In, class F = Features<>>
inline constexpr long multiply_adds = checked_t<Flow, In, F>::multiply_adds;

/// The log-determinant of a volume-preserving layer: known, so nothing is computed for it.
struct NoLogDet {
  friend NoLogDet operator+(NoLogDet, NoLogDet) { return {}; }
  template <class T>
  friend T operator+(NoLogDet, T other) {
    return other;
  }
  template <class T>
  friend T operator+(T other, NoLogDet) {
    return other;
  }
};

/// What `forward` returns.
template <class B, class Spec, class In, class F>
struct Forward {
  /// The shape rules.
  using on = typename Spec::template On<In, F>;
  /// The output.
  Batch<B, typename on::output> y;
  /// log|det dy/dx|, nats; none where it is 0 by type.
  std::conditional_t<on::volume_preserving, NoLogDet, typename B::PerSample> log_det{};
  /// What splits emitted.
  Maps<B, typename on::latents> latents{};
};

namespace detail {

/// A bound layer computes y, log_det and latents from a batch and maps, and back.
template <class Layer, class Spec, class B, class In, class F, class On = typename Spec::template On<In, F>>
concept computes = requires(const Layer& layer, Batch<B, In> x, Batch<B, typename On::output> y,
                            Maps<B, typename On::latents> latents, const Maps<B, F>& features) {
  { layer.forward(std::move(x), features).y } -> std::convertible_to<Batch<B, typename On::output>>;
  layer.forward(std::move(x), features).log_det;
  { layer.inverse(std::move(y), std::move(latents), features) } -> std::convertible_to<Batch<B, In>>;
};

template <class Spec, class B, class In, class F>
struct bound {
  using type = typename Spec::template Bound<B, In, F>;
  static_assert(std::is_constructible_v<type, Scope<B>>, "cnf: a layer's Bound is made from a Scope<B>");
  static_assert(
      computes<type, Spec, B, In, F>,
      "cnf: a layer's Bound has `Forward<B, Spec, In, F> forward(Batch<B, In>, const Maps<B, F>&) const` and "
      "`Batch<B, In> inverse(Batch<B, output>, Maps<B, latents>, const Maps<B, F>&) const`");
};

}  // namespace detail

/// The bound layer of a spec: owns parameters, computes.
template <class Spec, class B, class In, class F>
using bound_t = typename detail::bound<Spec, B, In, F>::type;

/// Sees what every layer of a flow returns, for diagnosis; this one looks at nothing and costs nothing.
struct NoWatch {
  /// Of a part of the flow.
  NoWatch inside(int) const { return {}; }
  /// Of a part with a name.
  NoWatch named(const char*) const { return {}; }
  /// Told of every layer's result.
  template <class Spec, class Result>
  void saw(const Result&) const {}
};

/// Runs one layer under a watch; compositions pass the watch on to their parts.
template <class Spec, class Layer, class X, class Maps, class Watch>
auto forward_watched(const Layer& layer, X&& x, const Maps& features, const Watch& watch) {
  if constexpr (requires { layer.forward(std::forward<X>(x), features, watch); }) {
    return layer.forward(std::forward<X>(x), features, watch);
  } else {
    auto result = layer.forward(std::forward<X>(x), features);
    watch.template saw<Spec>(result);
    return result;
  }
}

namespace detail {

/// Whether a backend can run the backward pass of a bound layer by rebuilding (compose/reversible.hpp). Not
/// under a watch, which wants to see the parts.
template <class Bound, class Watch, class X, class Maps>
concept can_rebuild = std::is_same_v<Watch, NoWatch> &&
    requires(const Bound& bound, const X& x, const Maps& features) {
  X::backend::rebuilt_backward(bound, x, features);
};

}  // namespace detail

/// Undoes one layer by its inverse.
struct ByInverse {
  /// The layer's inverse.
  template <class Layer, class Y, class Emitted, class Maps>
  auto operator()(const Layer& layer, Y&& y, Emitted&& latents, const Maps& features) const {
    return layer.inverse(std::forward<Y>(y), std::forward<Emitted>(latents), features);
  }
};

/// Undoes one layer by `undo`; compositions pass it on to their parts, the last one first.
template <class Layer, class Y, class Emitted, class Maps, class Undo>
auto undone(const Layer& layer, Y&& y, Emitted&& latents, const Maps& features, const Undo& undo) {
  if constexpr (requires {
                  layer.inverse(std::forward<Y>(y), std::forward<Emitted>(latents), features, undo);
                })
    return layer.inverse(std::forward<Y>(y), std::forward<Emitted>(latents), features, undo);
  else
    return undo(layer, std::forward<Y>(y), std::forward<Emitted>(latents), features);
}

}  // namespace cnf
