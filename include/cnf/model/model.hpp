// Model<Spec, B>: a model spec bound to a backend; owns parameters. On LibTorch it is a torch::nn::Module.
//
//   Model<Sr, libtorch::Backend> model({.seed = 1});
//   auto p = model.given(x);                                    everything that depends on x alone, once
//   p.log_prob(y);                                              nats, one per sample
//   p.bits_per_dim(y);                                          .values, and .kind: exact, a bound, ...
//   p.bits_per_dim(y, {.draws = 16});                           importance-weighted: nearer to the truth
//   p.sample({.count = 100, .temperature = 0.8, .seed = 1});    (N * 100, C, H, W), input by input
//   auto z = p.encode(y);   p.decode(z);                        typed latents, one per level
//   auto other = clone(model);   copy_parameters(model, other); models of their own
//
// A model without a condition (model/unconditional_flow.hpp) has log_prob, bits_per_dim, sample, encode and decode itself. A model of
// several inputs takes a struct of them (core/inputs.hpp).
//
// x: (N, C, h, w) real and finite. y: (N, C, H, W), of real numbers, or, with a discrete likelihood, of integers 0 ..
// 2^bits - 1 in any dtype; samples come in the same alphabet. Sizes that the flow can't divide are padded
// right and below with their last column and row, and cropped; the likelihood of a padded target is that of target and padding
// together: of a discrete target never above its own (a density has no such order). Wrong sizes: Error with
// expected and given. The same seed gives the same samples for any batch size, thread count, device and
// backend (up to rounding): see noise/noise.hpp.
#pragma once

#include <algorithm>
#include <cmath>
#include <map>
#include <numbers>
#include <string>
#include <vector>

#include "cnf/core/describe.hpp"
#include "cnf/core/inputs.hpp"
#include "cnf/densities/likelihood.hpp"
#include "cnf/model/target_size.hpp"
#include "cnf/noise/noise_batch.hpp"

namespace cnf {

/// Which samples.
struct SampleOptions {
  long count = 1;          // samples per input
  double temperature = 1;  // multiplies the deviation of every prior; 0 is the mode-like decode
  std::uint64_t seed = 0;  // same seed, same samples
  long first_input = 0;    // number of the first input: continues a batch that was cut into pieces
  long first_draw = 0;     // number of the first draw: continues an earlier call
};

/// The noise of dequantization, where the likelihood has any.
struct NoiseOptions {
  /// The same seed gives the same noise.
  std::uint64_t seed = 0;
  /// The number of the first input: noise is keyed by it.
  long first_input = 0;
  int draws = 1;  // more: importance-weighted, log 1/draws sum p(v) / q(v) (Burda et al., 2016)
  /// Added to the seed, read where the noise is made: in a captured graph, in device memory.
  const long long* seed_shift = nullptr;
};

namespace detail {

/// Names the first layer whose output is not finite.
template <class B>
struct FiniteWatch {
  std::string* found;
  std::string path;

  FiniteWatch named(const char* part) const { return {found, part}; }
  FiniteWatch inside(int index) const { return {found, path + "." + std::to_string(index)}; }

  /// What a layer's forward, or a dequantizer, returned.
  template <class Spec, class Result>
  void saw(const Result& result) const {
    if (!found->empty()) return;
    bool finite = true;
    if constexpr (requires { result.v; }) {
      finite = B::all_finite(result.v.data);
    } else {
      finite = B::all_finite(result.y.data);
      for (const auto& latent : result.latents.data) finite = finite && B::all_finite(latent);
    }
    if constexpr (!std::is_same_v<std::remove_cvref_t<decltype(result.log_det)>, NoLogDet>)
      finite = finite && B::all_finite(result.log_det);
    if (!finite) *found = path + " (" + Spec::describe() + ")";
  }
};

}  // namespace detail

template <class Spec, class B>
class Model;

/// Gives `to` the parameters of `from` that have its names: of a model of the same spec, or of one with the same layers, on
/// whatever backend and in whatever precision. Error where one is missing, or of another size.
template <class FromSpec, class From, class ToSpec, class To>
void copy_parameters(const Model<FromSpec, From>& from, Model<ToSpec, To>& to) {
  std::map<std::string, typename From::Parameter> there;
  From::for_each_parameter(
      from, [&](const std::string& name, const typename From::Parameter& p) { there.emplace(name, p); });
  To::for_each_parameter(to, [&](const std::string& name, const typename To::Parameter& p) {
    const auto found = there.find(name);
    const auto wanted = To::sizes(p);
    if (found == there.end() || From::sizes(found->second) != wanted)
      throw Error("expected a model that has a parameter " + name + " of the same sizes, got one that has " +
                  (found == there.end() ? "none" : "another"));
    To::assign(p, From::to_host(found->second));
  });
}

/// A model of its own with the same parameters, options and mode, where they were made.
template <class Spec, class B>
Model<Spec, B> clone(const Model<Spec, B>& model) {
  return Model<Spec, B>(typename Model<Spec, B>::Clone{model});
}

template <class Spec, class B>
class Model : public B::Module {
  static_assert(Spec::check());
  using TargetSize = detail::TargetSize<typename Spec::target, input_shapes<typename Spec::input>>;

 public:
  using spec = Spec;
  using backend = B;
  using Tensor = typename B::Tensor;
  using PerSample = typename B::PerSample;
  using Target = typename Spec::target;
  using Input = typename Spec::input;
  /// What given() takes.
  using Inputs = input_tensors_t<B, Input>;
  /// What encode() returns.
  using LatentMaps = Maps<B, typename Spec::latents>;

  /// How a model is made.
  struct Options {
    std::uint64_t seed = 0;   // of the initial parameters
    bool reversible = false;  // train every Repeat without storing activations (compose/reversible.hpp)
    bool blank = false;  // all parameters 0, for a checkpoint to fill: nothing is drawn, so it starts fast
    long tile = 0;  // side of the tiles in which large images run, pixels; 0: chosen to fit (core/tiles.hpp)
    /// Where it is, and in which precision.
    typename B::Placement placement{};

    /// These, for parameters that come from elsewhere.
    Options but_blank() const {
      auto options = *this;
      options.blank = true;
      return options;
    }
  };

  /// With initial values.
  explicit Model(const Options& options = {})
      : options_(options),
        bound_(Scope<B>(*this, options.seed, B::networks(options.placement))
                   .rebuilt(options.reversible)
                   .tiled(options.tile)
                   .blank(options.blank)) {
    B::place(*this, options.placement);
    B::for_each_parameter(*this, [&](const std::string&, const typename B::Parameter& p) {
      if (!anchored_) anchor_ = p;
      anchored_ = true;
    });
  }
  Model(const Model&) = delete;
  Model& operator=(const Model&) = delete;
  /// What clone() makes.
  struct Clone {
    /// The original.
    const Model& of;
  };
  /// Its copy.
  explicit Model(Clone clone) : Model(clone.of.options_.but_blank()) {
    copy_parameters(clone.of, *this);
    if constexpr (requires { this->train(clone.of.is_training()); }) this->train(clone.of.is_training());
  }

  /// Height and width of targets are padded to multiples of this.
  static constexpr int divisor = std::max(Spec::divisor, TargetSize::coarsest);
  /// Whether large images run in tiles: their memory is that of the image, its features and a tile, whatever the size.
  static constexpr bool tiled = Spec::tiled && !is_fixed(Target::height) && !is_fixed(Target::width);

  /// Whether there is no condition.
  static constexpr bool unconditional = std::is_same_v<Input, Nothing>;
  /// Whether the input tells how large the target is.
  static constexpr bool knows_size = TargetSize::is_told;

  /// A model with its condition.
  class Given {
   public:
    /// log p(y | x), nats, one a target.
    PerSample log_prob(const Tensor& y, const NoiseOptions& noise = {}) const {
      return is_weighted(noise) ? importance_weighted(y, noise).log_prob
                                : log_weights(padded_target(y), noise, 1, 0);
    }

    /// -log p(y | x) / (D log 2), one a target.
    BitsPerDim<B> bits_per_dim(const Tensor& y, const NoiseOptions& noise = {}) const {
      const double scale =
          -1 / (double(Target::channels) * double(B::height(y)) * double(B::width(y)) * std::numbers::ln2);
      if (!is_weighted(noise)) return {.values = log_prob(y, noise) * scale, .kind = Spec::likelihood};
      auto estimate = importance_weighted(y, noise);
      return {.values = estimate.log_prob * scale,
              .kind = Likelihood::importance_weighted,
              .draws = noise.draws,
              .effective_draws = std::move(estimate.effective_draws)};
    }

    /// The maps that depend on x alone, at the padded size.
    const Maps<B, typename Spec::features>& features() const { return maps_; }

    /// Targets, input by input.
    Tensor sample(const SampleOptions& options = {}) const {
      if (options.count < 1 || !(options.temperature >= 0))
        throw Error("sample: expected a count of at least 1 and a temperature of at least 0, got " +
                    std::to_string(options.count) + " and " + std::to_string(options.temperature));
      const typename B::NoGradients no_gradients;
      // large images one draw at a time
      const long numbers = Target::channels * padded_height_ * padded_width_;
      const long at_once = samples_ > 1 ? options.count : std::clamp((1L << 24) / numbers, 1L, options.count);
      std::vector<Tensor> parts;
      for (long first = 0; first < options.count; first += at_once) {
        const long count = std::min(at_once, options.count - first);
        const NoiseRows rows{options.seed, count, options.first_input, options.first_draw + first};
        parts.push_back(decode(noise(rows, options.temperature, samples_ * count, typename Spec::latents{})));
      }
      return parts.size() == 1 ? parts[0] : B::join_samples(parts);
    }

    /// The latents of targets.
    LatentMaps encode(const Tensor& y, const NoiseOptions& noise = {}) const {
      const auto target = padded_target(y);
      return model_->bound_.encode(target, maps_for(target.samples()), rows(target.samples(), noise));
    }

    /// The target with these latents, at the full size that x stands for.
    Tensor decode(LatentMaps z) const {
      const long n = B::samples(z.data[0]);
      if (n == 0 || n % samples_ != 0)
        throw Error("decode: expected latents of " + std::to_string(samples_) +
                    " samples or a multiple, got " + std::to_string(n));
      expect_sizes(z, n, typename Spec::latents{});
      for (auto& latent : z.data) latent = B::like(std::move(latent), model_->anchor_);
      const auto y = model_->bound_.decode(std::move(z), maps_for(n));
      if (B::height(y.data) == height_ && B::width(y.data) == width_) return y.data;
      return B::crop(y.data, height_, width_);
    }

    /// The first layer whose output is not finite for this y, or an empty text.
    std::string first_nonfinite(const Tensor& y, const NoiseOptions& noise = {}) const {
      const typename B::NoGradients no_gradients;
      for (const auto& map : maps_.data)
        if (!B::all_finite(map)) return "extractor";
      const auto target = padded_target(y);
      std::string found;
      const auto log_prob =
          model_->bound_.log_prob(target, maps_for(target.samples()), rows(target.samples(), noise),
                                  detail::FiniteWatch<B>{&found, ""});
      return found.empty() && !B::all_finite(log_prob) ? "likelihood of the latents" : found;
    }

   private:
    friend class Model;
    using Features = Maps<B, typename Spec::features>;

    Given(const Model& model, const input_t<B, Input>& x, long samples, Extents size, Extents padded)
        : model_(&model),
          maps_(model.bound_.prepare(x, padded)),
          samples_(samples),
          height_(size.height),
          width_(size.width),
          padded_height_(padded.height),
          padded_width_(padded.width) {}

    Features maps_for(long count) const {
      if (count == samples_) return maps_;
      Features repeated = maps_;
      for (auto& map : repeated.data) map = B::repeat_samples(map, count / samples_);
      return repeated;
    }

    NoiseRows rows(long count, const NoiseOptions& noise) const {
      return {noise.seed, count / samples_, noise.first_input, 0, noise.seed_shift};
    }

    static bool is_weighted(const NoiseOptions& noise) {
      if (noise.draws < 1)
        throw Error("expected at least 1 draw of noise, got " + std::to_string(noise.draws));
      return noise.draws > 1 && Spec::likelihood == Likelihood::bound;
    }

    /// log p(v) - log q(v) of draws first, first + 1, ... of every target, `count` rows a target.
    PerSample log_weights(const Batch<B, Target>& y, const NoiseOptions& noise, long count,
                          long first) const {
      const long n = y.samples() * count;
      auto noise_rows = rows(n, noise);
      noise_rows.first_draw = first * (y.samples() / samples_);
      const auto targets = count == 1 ? y : Batch<B, Target>(B::repeat_samples(y.data, count));
      return B::per_sample(model_->bound_.log_prob(targets, maps_for(n), noise_rows), n);
    }

    struct Weighted {
      PerSample log_prob, effective_draws;
    };

    /// log mean w, and (sum w)^2 / sum w^2 (Kong, 1992), w = p(v) / q(v).
    Weighted importance_weighted(const Tensor& y, const NoiseOptions& noise) const {
      const auto target = padded_target(y);
      const long n = target.samples(), draws = noise.draws;
      // small targets several draws at a time, large ones one by one
      const long at_once = std::clamp(65536 / (n * target.area() * Target::channels), 1L, draws);
      std::vector<PerSample> chunks;
      for (long first = 0; first < draws; first += at_once)
        chunks.push_back(log_weights(target, noise, std::min(at_once, draws - first), first));
      const auto sum = B::log_sum_exp(chunks, n, 1);
      return {sum - std::log(double(draws)), B::exp(sum * 2.0 - B::log_sum_exp(chunks, n, 2))};
    }

    Batch<B, Target> padded_target(const Tensor& y) const {
      const long h = B::height(y), w = B::width(y), n = B::samples(y);
      const auto fits = [](long extent, long expected, long unit) {
        return extent <= expected && extent > expected - unit;
      };
      if (!fits(h, height_, TargetSize::finest.height) || !fits(w, width_, TargetSize::finest.width) ||
          n % samples_ != 0 || n == 0 || B::channels(y) != Target::channels)
        throw Error("expected a target of (" + std::to_string(samples_) + " or a multiple, " +
                    std::to_string(Target::channels) + ", " + std::to_string(height_) + ", " +
                    std::to_string(width_) + "), got " + sizes_text(sizes_of<B>(y)));
      return Batch<B, Target>(Model::padded(B::like(y, model_->anchor_), padded_height_, padded_width_));
    }

    template <class... S>
    void expect_sizes(const LatentMaps& z, long count, Latents<S...>) const {
      [[maybe_unused]] std::size_t level = 0;
      [[maybe_unused]] const auto expect = [&](const std::array<long, 4>& sizes) {
        if (const auto got = sizes_of<B>(z.data[level]); got != sizes)
          throw Error("decode: expected latents " + std::to_string(level) + " of " + sizes_text(sizes) +
                      ", got " + sizes_text(got));
        ++level;
      };
      (expect({count, S::channels, resolve(S::height, padded_height_), resolve(S::width, padded_width_)}),
       ...);
    }

    template <class... S>
    LatentMaps noise(const NoiseRows& rows, double temperature, long count, Latents<S...>) const {
      int level = -1;
      return {.data = {(++level, noise_batch<B>(rows, Stream::latents, level, Spec::base, temperature,
                                                {count, S::channels, resolve(S::height, padded_height_),
                                                 resolve(S::width, padded_width_)},
                                                model_->anchor_))...}};
    }

    const Model* model_;
    Features maps_;
    long samples_, height_, width_, padded_height_, padded_width_;
  };

  /// p(. | x). Keeps a reference to this model. Where x doesn't tell how large the target is: for one of this size.
  Given given(const Inputs& x) const requires(knows_size && !unconditional) {
    return given(x, detail::told_size<B, Target, Input>(x));
  }
  /// The same for targets of a size that x does not tell.
  Given given(const Inputs& x, Extents size) const requires(!unconditional) {
    detail::expect_told_size<B, Target, Input>(x, size);
    long samples = -1;
    for_each_input<Input>(x, [&]<class S>(const Tensor& t) {
      if (B::channels(t) != S::channels || B::samples(t) < 1 || B::height(t) < 1 || B::width(t) < 1)
        throw Error("expected an input of " + shape_text<S>() + ", got " + sizes_text(sizes_of<B>(t)));
      if (samples >= 0 && samples != B::samples(t))
        throw Error("expected inputs of as many samples, got " + std::to_string(samples) + " and " +
                    std::to_string(B::samples(t)));
      samples = B::samples(t);
      expect_finite(t);
    });
    return given(x, samples, size);
  }

  /// Of a model without a condition: p for so many samples of this size, and p itself, for as many as y has.
  Given given(long samples, Extents size) const requires unconditional {
    if (samples < 1) throw Error("expected at least one sample, got " + std::to_string(samples));
    return given({}, samples, size);
  }
  /// log p(y), nats, one a target.
  PerSample log_prob(const Tensor& y, const NoiseOptions& noise = {}) const requires unconditional {
    return alone(y).log_prob(y, noise);
  }
  /// -log p(y) / (D log 2), one a target.
  BitsPerDim<B> bits_per_dim(const Tensor& y, const NoiseOptions& noise = {}) const requires unconditional {
    return alone(y).bits_per_dim(y, noise);
  }
  /// The latents of targets.
  LatentMaps encode(const Tensor& y, const NoiseOptions& noise = {}) const requires unconditional {
    return alone(y).encode(y, noise);
  }
  /// The path of the first layer whose output is not finite, or an empty text.
  std::string first_nonfinite(const Tensor& y, const NoiseOptions& noise = {}) const requires unconditional {
    return alone(y).first_nonfinite(y, noise);
  }
  /// Of a target of dynamic size: of this size.
  Tensor sample(const SampleOptions& options, Extents size) const requires unconditional {
    return given(1, size).sample(options);
  }
  /// The targets of latents, of this size.
  Tensor decode(LatentMaps z, Extents size) const requires unconditional {
    return given(1, size).decode(std::move(z));
  }
  /// Targets.
  Tensor sample(const SampleOptions& options = {}) const requires(unconditional&& knows_size) {
    return sample(options, detail::told_size<B, Target, Input>({}));
  }
  /// The targets of latents.
  Tensor decode(LatentMaps z) const requires(unconditional&& knows_size) {
    return decode(std::move(z), detail::told_size<B, Target, Input>({}));
  }

  /// Extractor, flow and dequantizer, bound.
  const typename Spec::template Bound<B>& bound() const { return bound_; }

 private:
  Given given(const Inputs& x, long samples, Extents size) const {
    if (!may_be(Target::height, size.height) || !may_be(Target::width, size.width) || size.height < 1 ||
        size.width < 1)
      throw Error("expected a size of a target of " + shape_text<Target>() + ", got " +
                  std::to_string(size.height) + "x" + std::to_string(size.width));
    const Extents padded{rounded_up(Target::height, size.height), rounded_up(Target::width, size.width)};
    const auto extent = [](auto of_input, long target, long actual) {
      return is_fixed(of_input) ? actual : resolve(of_input, target);
    };
    return Given(
        *this,
        input_from<B, Input>(x,
                             [&]<class S>(const Tensor& t) {
                               return Batch<B, S>(Model::padded(
                                   B::like(t, anchor_), extent(S::height, padded.height, B::height(t)),
                                   extent(S::width, padded.width, B::width(t))));
                             }),
        samples, size, padded);
  }
  Given alone(const Tensor& y) const { return given(B::samples(y), Extents{B::height(y), B::width(y)}); }

  static void expect_finite(const Tensor& x) {
    if constexpr (requires { B::waits_for(x); })
      if (B::waits_for(x)) return;  // a layer's result will not be finite
    if (!B::all_finite(x)) throw Error("expected finite numbers in the input, got NaN or infinity");
  }
  static long rounded_up(auto target, long extent) {
    return is_fixed(target) ? extent : (extent + divisor - 1) / divisor * divisor;
  }
  static Tensor padded(const Tensor& t, long height, long width) {
    return B::height(t) == height && B::width(t) == width ? t : B::pad(t, height, width);
  }

  Options options_;
  typename Spec::template Bound<B> bound_;
  typename B::Parameter anchor_{};
  bool anchored_ = false;
};

}  // namespace cnf
