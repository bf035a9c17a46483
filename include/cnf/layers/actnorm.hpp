// ActNorm: a learnt affine map per channel, set by the first training batch (Kingma and Dhariwal, Glow, 2018,
// section 3.1).
//
//   y = exp(log_scale) * (x + bias),   log|det| = H W sum(log_scale)  nats
//
// The first batch seen in training mode sets bias and log_scale so that y has zero mean and unit variance per
// channel; a constant channel gets scale 1 / floor at most. `initialised` is a saved buffer. Using it before
// that, in evaluation mode or inverse, is an Error.
#pragma once

#include "cnf/core/layer.hpp"

namespace cnf {

struct ActNorm {
  static std::string describe() { return "ActNorm"; }

  template <class In, class F>
  struct On : Elementwise<In> {
    static constexpr long parameters = 2 * In::channels;
  };

  template <class B, class In, class F>
  struct Bound {
    /// A channel with less spread than this counts as constant.
    static constexpr double floor = 1e-3;

    typename B::Module* mode;
    typename B::Parameter log_scale, bias, initialised;
    typename B::template Cache<bool> cached_flag;

    explicit Bound(Scope<B> scope)
        : mode(&scope.module()),
          log_scale(scope.parameter("log_scale", {In::channels}, initial::zeros)),
          bias(scope.parameter("bias", {In::channels}, initial::zeros)),
          initialised(scope.buffer("initialised", {1}, initial::zeros)) {}

    Forward<B, ActNorm, In, F> forward(Batch<B, In> x, const Maps<B, F>&) const {
      initialise(x);
      const auto s = B::vector(log_scale);
      const double area = double(x.area());
      return {.y = Batch<B, In>(B::channel_affine(std::move(x.data), B::exp(s), B::exp(s) * B::vector(bias))),
              .log_det = area * B::total(s)};
    }

    Batch<B, In> inverse(Batch<B, In> y, const Maps<B, Latents<>>&, const Maps<B, F>&) const {
      expect_initialised();
      return Batch<B, In>(
          B::channel_affine(std::move(y.data), B::exp(-B::vector(log_scale)), -B::vector(bias)));
    }

    /// This layer and the mixing of channels after it as one affine map per pixel, where a backend has that; and its
    /// inverse.
    template <class Mixing>
    auto forward_with(const Mixing& next, Batch<B, In> x) const requires requires {
      B::normalised_mix(x.data, log_scale, bias, next.weight.dense(), 1.0);
    }
    {
      initialise(x);
      const double area = double(x.area());
      return B::normalised_mix(std::move(x.data), log_scale, bias, next.weight.dense(), area);
    }
    template <class Mixing>
    auto inverse_with(const Mixing& next, Batch<B, In> y) const requires requires {
      next.weight.dense();
      B::normalised_unmix(y.data, log_scale, bias, next.weight);
    }
    {
      expect_initialised();
      return Batch<B, In>(B::normalised_unmix(std::move(y.data), log_scale, bias, next.weight));
    }

    bool is_initialised() const {
      return cached_flag.get(initialised, [&] { return B::first(initialised) != 0; });
    }

   private:
    void initialise(const Batch<B, In>& x) const {
      if (is_initialised()) return;
      if (!B::training(*mode))
        throw Error("ActNorm: expected to be initialised by a training batch before use, got none");
      if (!B::all_finite(x.data))
        throw Error("ActNorm: expected finite numbers in the batch that initialises it, got others");
      B::set_normalising(log_scale, bias, x.data, floor);
      B::set(initialised, 1);
    }
    void expect_initialised() const {
      if (!is_initialised()) throw Error("ActNorm: expected to be initialised before its inverse is used");
    }
  };
};

}  // namespace cnf
