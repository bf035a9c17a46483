// The noise of learnt dequantizers: u = g(e; y, h), g a flow of its own (Ho et al., Flow++, 2019; Winkler et
// al., 2019, eq. 8).
//
//   log q(u|y, x) = log p(e) - log|det dg/de|   nats,   e standard normal or logistic
//
//   using Noise = Sequential<Squeeze, BasicPrior<ConvNet<32>>, Repeat<2, Step>, Unsqueeze>;
//
// g is a flow run forward: from noise e of the target's shape to u of that shape, on one scale (it emits no
// latents). Its layers see y and the features: the maps of NoiseFlow are, at the target's extents and at half
// of them (where they are even), y scaled to -1 .. 1 and space-to-depth'd, followed by the channels of the
// feature map of these extents, if there is one.
#pragma once

#include "cnf/compose/conditioned.hpp"
#include "cnf/densities/diagonal_gaussian.hpp"
#include "cnf/densities/standard_logistic.hpp"
#include "cnf/dequantize/continuous.hpp"

namespace cnf::detail {

/// Shapes of the maps that a noise flow sees.
template <class Target, class F>
struct NoiseMaps {
  static constexpr bool two = is_even(Target::height) && is_even(Target::width);
  using Half = Shape<4 * Target::channels, halved(Target::height), halved(Target::width)>;

  template <class S>
  using with_features = with_channels<S, S::channels + condition_t<F, S>::channels>;
  using type = std::conditional_t<two, Features<with_features<Target>, with_features<Half>>,
                                  Features<with_features<Target>>>;

  /// The maps themselves; `signs` is y scaled to -1 .. 1.
  template <class B>
  static Maps<B, type> make(const typename B::Tensor& signs, const Maps<B, F>& features) {
    Maps<B, type> maps;
    maps.data[0] = beside<B, Target>(signs, features);
    if constexpr (two) maps.data[1] = beside<B, Half>(B::space_to_depth(signs), features);
    return maps;
  }

 private:
  template <class B, class S>
  static typename B::Tensor beside(const typename B::Tensor& y, const Maps<B, F>& features) {
    if constexpr (condition_t<F, S>::channels > 0)
      return B::concat(y, features.template condition<S>().data);
    else
      return y;
  }
};

template <class NoiseFlow, class Target, class F>
struct NoiseFlowOn : Elementwise<Target> {
  using maps = typename NoiseMaps<Target, F>::type;
  using flow = typename NoiseFlow::template On<Target, maps>;
  static constexpr bool keeps_shape =
      std::is_same_v<typename flow::output, Target> && flow::latents::count == 0;
  static constexpr bool valid = flow::valid && keeps_shape;
  static constexpr bool tiled = runs_in_tiles<flow>();
  static constexpr long parameters = flow::parameters;
  static constexpr long multiply_adds = flow::multiply_adds;

  static consteval bool check() {
    if constexpr (sizeof(check_layer_accepts_input<0, NoiseFlow, Target, maps>) > 0 && flow::valid)
      static_assert(
          keeps_shape,
          "cnf: a dequantizer's noise flow turns noise of the target's shape into numbers of that shape: "
          "end it with Unsqueeze where it squeezes, and split nothing off");
    return true;
  }
};

/// u and -log q(u), nats per sample.
template <class B>
struct Noise {
  typename B::Tensor u;
  typename B::PerSample minus_log_q;
};

template <class B, class NoiseFlow, Distribution Base, class Target, class F>
struct BoundNoiseFlow {
  static_assert(Base != Distribution::uniform, "cnf: a noise flow starts from normal or logistic noise");
  using maps = NoiseMaps<Target, F>;
  Conditioned<NoiseFlow, B, Target, typename maps::type> noise;

  explicit BoundNoiseFlow(Scope<B> scope) : noise(scope.child("noise")) {}

  /// e for every element of y.
  static typename B::Tensor base(const typename B::Tensor& y, const NoiseRows& rows) {
    return noise_batch<B>(rows, Stream::dequantization, 0, Base, 1, sizes_of<B>(y), y);
  }

  Noise<B> from_base(const typename B::Tensor& e, const typename B::Tensor& signs,
                     const Maps<B, F>& features) const {
    auto out =
        noise.flow.forward(Batch<B, Target>(e), noise.prepare(maps::template make<B>(signs, features)));
    return {out.y.data, out.log_det + -log_density(e)};
  }

 private:
  static typename B::PerSample log_density(const typename B::Tensor& e) {
    if constexpr (Base == Distribution::normal)
      return standard_normal_log_density<B>(e);
    else
      return standard_logistic_log_density<B>(e);
  }
};

/// How a dequantizer with a noise flow is described: "Binary<Noise>", "Binary<Noise, logistic>".
template <class NoiseFlow, Distribution Base>
std::string described_noise() {
  return NoiseFlow::describe() + (Base == Distribution::logistic ? ", logistic" : "");
}

}  // namespace cnf::detail
