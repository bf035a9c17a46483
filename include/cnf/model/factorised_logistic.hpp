// FactorisedLogistic: the baseline of Winkler et al., 2019, section 5: every pixel an independent discretized
// logistic whose mean and scale a network computes from x. The likelihood is exact. The same face as a flow:
// its latents are the standardised residuals z = (y - mu) / s, logistic under the model; decode rounds mu + s
// z to the alphabet.
//
//   FactorisedLogistic<Shape<3, dynamic, dynamic>, Shape<3, dynamic / 2, dynamic / 2>, Rrdb<16, 55, 128, 1>>
//
// The extractor's map at x's resolution goes through one 3x3 convolution and depth-to-space up to y's
// resolution. If the extractor also gives a map of y's own shape (nets/enlarged.hpp), mu is relative to it.
#pragma once

#include "cnf/core/describe.hpp"
#include "cnf/core/inputs.hpp"
#include "cnf/densities/discretized_logistic.hpp"
#include "cnf/dequantize/continuous.hpp"
#include "cnf/nets/conv.hpp"
#include "cnf/nets/tiled.hpp"

namespace cnf {

template <class Target, class Input, class Extractor, int Bits = 8>
struct FactorisedLogistic {
  static_assert(
      is_shape<Input>,
      "cnf: FactorisedLogistic takes one Shape as its input, not a Pair or Nothing: several inputs are for "
      "ConditionalFlow");
  using target = Target;
  using input = Input;
  using extracted = detail::extractor_on<Extractor, Input>;
  using features = Features<with_channels<Target, 2 * Target::channels>>;  // mu and log s, raw
  using latents = Latents<Target>;

  static constexpr Likelihood likelihood = Likelihood::exact;
  static constexpr Distribution base = Distribution::logistic;
  static constexpr int levels = 1 << Bits;
  static constexpr int divisor = largest_divisor<typename extracted::output>;

  /// The extractor's maps that are used: at x's resolution, and maybe one of y's shape.
  using body = matching_map<typename extracted::output, Input>;
  /// Which map is the target's first guess.
  static constexpr int base_index = matching_map<typename extracted::output, Target>::index;
  /// Whether one is.
  static constexpr bool has_base = base_index >= 0 && base_index != body::index;

  /// How many times larger y is than x.
  static constexpr int upscale = ratio(Target::height, Input::height);

  /// Whether a target extent is `upscale` times that of the input.
  static constexpr bool fits(int target, int input_extent) { return target == upscale * input_extent; }
  /// Whether the input's extent is half the target's, or the target's.
  static constexpr bool fits(dynamic_over target, dynamic_over input_extent) {
    return input_extent.divisor == upscale * target.divisor;
  }
  /// No other extents go together.
  static constexpr bool fits(auto, auto) { return false; }

  static constexpr ConvShape head() {
    return {.in = condition_t<typename extracted::output, Input>::channels,
            .out = 2 * Target::channels * upscale * upscale};
  }
  /// Shape rules of extractor and head together.
  struct parameters_on {
    using output = features;
    static constexpr int radius = radius_after(radius_of<extracted>(), 1);
    /// Channels of its widest map.
    static constexpr int width = width_of<extracted>();
    static constexpr long parameters = extracted::parameters + head().parameters();
  };
  static constexpr bool tiled = parameters_on::radius != unbounded;
  static constexpr long parameters = parameters_on::parameters;

  static consteval bool check() {
    static_assert(
        body::count == 1,
        "cnf: FactorisedLogistic needs an extractor with one map that has the height and width of the input");
    static_assert(!has_base || condition_t<typename extracted::output, Target>::channels == Target::channels,
                  "cnf: FactorisedLogistic needs a map of the target's size to have the target's channels");
    static_assert(fits(Target::height, Input::height) && fits(Target::width, Input::width) &&
                      (upscale & (upscale - 1)) == 0,
                  "cnf: FactorisedLogistic needs a target 1, 2, 4, ... times larger than the input");
    return extracted::check();
  }

  static std::string describe() {
    return "FactorisedLogistic<" + shape_text<Target>() + ", " + shape_text<Input>() + ", " +
           Extractor::describe() + ", " + std::to_string(Bits) + ">";
  }

  template <int Height, int Width>
  static std::vector<LayerRow> table() {
    using In = resolved<Input, Height, Width>;
    using on = typename Extractor::template On<In>;
    return {{"extractor", Extractor::describe(), shape_text<In>(), shapes_text(typename on::output{}), 1,
             on::parameters, on::multiply_adds},
            {"head", "convolution, depth-to-space", shape_text<condition_t<typename on::output, In>>(),
             shape_text<resolved<nth_t<0, features>, Height, Width>>(), 1, head().parameters(),
             area<In> * head().weights()}};
  }

  template <class B>
  struct Bound {
    typename Extractor::template Bound<B, Input> extractor;
    Conv<B> to_parameters;
    long tile;

    explicit Bound(Scope<B> scope)
        : extractor(scope.child("extractor")),
          to_parameters(scope.child("head").precise(), head()),
          tile(scope.tile()) {}

    Maps<B, features> prepare(const Batch<B, Input>& x, Extents) const {
      return detail::extracted_by<parameters_on>([&](const auto& part) { return raw_parameters(part); }, x,
                                                 tile);
    }

    Maps<B, features> raw_parameters(const Batch<B, Input>& x) const {
      const auto maps = extractor(x);
      auto raw = B::to_state(to_parameters(maps.data[body::index]), x.data);
      for (int factor = upscale; factor > 1; factor /= 2) raw = B::depth_to_space(raw);
      if constexpr (has_base)
        raw = B::concat(B::channels_of(raw, 0, Target::channels) + maps.data[base_index],
                        B::channels_of(raw, Target::channels, Target::channels));
      return {.data = {std::move(raw)}};
    }

    template <class Watch = NoWatch>
    typename B::PerSample log_prob(const Batch<B, Target>& given, const Maps<B, features>& h,
                                   const NoiseRows&, const Watch& = {}) const {
      const Batch<B, Target> y(in_alphabet<B>(given.data, levels));
      return B::sum(discretized_logistic_log_prob<B, Bits>(y.data, mu(h), log_s(h)));
    }

    Maps<B, latents> encode(const Batch<B, Target>& y, const Maps<B, features>& h, const NoiseRows&) const {
      return {.data = {(y.data * (1.0 / levels) - mu(h)) * B::exp(-log_s(h))}};
    }

    Batch<B, Target> decode(Maps<B, latents> z, const Maps<B, features>& h) const {
      return Batch<B, Target>(by_bands<B>(std::move(z.data[0]), [&](const auto& part, const Window& window) {
        const Maps<B, features> there{.data = {B::window(h.data[0], window)}};
        const auto v = part * B::exp(log_s(there)) + mu(there);
        // v - v: what is not finite becomes NaN instead of an end of the alphabet
        return B::clamp(B::round(v * double(levels)), 0, levels - 1) + (v - v);
      }));
    }

   private:
    /// Mean around the middle of the alphabet, log-scale within -2.5 +- 5: bounded, so that neither end of
    /// the density degenerates.
    static typename B::Tensor mu(const Maps<B, features>& h) {
      return B::channels_of(h.data[0], 0, Target::channels) + 0.5;
    }
    static typename B::Tensor log_s(const Maps<B, features>& h) {
      return B::tanh(B::channels_of(h.data[0], Target::channels, Target::channels) * 0.2) * 5.0 - 2.5;
    }
  };
};

}  // namespace cnf
