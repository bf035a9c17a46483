// Layers that change every number by itself.
//
//   Spline<Bins, Interval<-4, 4>>   one learnt spline a channel (transforms/rational_quadratic.hpp)
//   Mixture<Components>             one learnt mixture of logistics a channel (transforms/logistic_mixture.hpp)
//   Logit<Margin>                   (0, 1) to the line: y = log v - log(1 - v), v = m + (1 - 2 m) x, m = Margin / 1000
//   Sigmoid                         the line to (0, 1): y = 1 / (1 + exp(-x))
//
//   log|det| = sum log|dy/dx|  nats;  of Logit: sum (softplus(y) + softplus(-y)) + D log(1 - 2 m);  of Sigmoid:
//   -sum (softplus(x) + softplus(-x)), both without a difference that rounding could eat
//
// Logit takes numbers of [0, 1] where it has a margin (Dinh et al., Real NVP, 2017: 0.05), and of (0, 1) without one. Further
// outside than its margin is NaN, with which a likelihood says so. Sigmoid's results lie in (0, 1): a density and samples need a
// layer after it that goes back to the line.
#pragma once

#include <cmath>
#include <string>

#include "cnf/nets/tiled.hpp"
#include "cnf/transforms/logistic_mixture.hpp"
#include "cnf/transforms/rational_quadratic.hpp"

namespace cnf {

/// A transform with parameters of its own for each channel.
template <class Transform>
struct LearntTransform {
  static std::string describe() {
    if constexpr (requires { Transform::elementwise; })
      return std::string(Transform::elementwise) + "<" + Transform::parameters_text() + ">";
    else
      return "LearntTransform<" + Transform::describe() + ">";
  }

  template <class In, class F>
  struct On : Elementwise<In> {
    static constexpr long parameters = long{Transform::per_channel} * In::channels;
    static consteval bool check() { return Transform::per_channel > 0; }  // or Transform says what is wrong
  };

  template <class B, class In, class F>
  struct Bound {
    typename B::Parameter raw;

    explicit Bound(Scope<B> scope)
        : raw(scope.parameter("raw", {Transform::per_channel * In::channels}, initial::zeros)) {}

    Forward<B, LearntTransform, In, F> forward(Batch<B, In> x, const Maps<B, F>&) const {
      detail::Summed<B> log_det;
      auto y = by_bands<B>(std::move(x.data), [&](const auto& part, const Window&) {
        auto changed = Transform::template forward<B>(part, B::as_pixel(raw));
        log_det.add(B::sum(changed.log_slope));
        return std::move(changed.y);
      });
      return {.y = Batch<B, In>(std::move(y)), .log_det = log_det.sum()};
    }
    Batch<B, In> inverse(Batch<B, In> y, const Maps<B, Latents<>>&, const Maps<B, F>&) const {
      return Batch<B, In>(by_bands<B>(std::move(y.data), [&](const auto& part, const Window&) {
        return Transform::template inverse<B>(part, B::as_pixel(raw));
      }));
    }
  };
};

template <int Bins = 8, class On = Interval<-4, 4>>
using Spline = LearntTransform<RationalQuadratic<Bins, On>>;
template <int Components = 4>
using Mixture = LearntTransform<LogisticMixture<Components>>;

namespace detail {

/// log sig'(x), summed over a sample.
template <class B>
typename B::PerSample log_sigmoid_slope(const typename B::Tensor& x) {
  return -B::sum(B::softplus(x) + B::softplus(-x));
}
template <class B>
typename B::Tensor sigmoid(const typename B::Tensor& x) {
  return B::exp(-B::softplus(-x));
}

}  // namespace detail

template <int Margin = 0>
struct Logit {
  static_assert(Margin >= 0 && Margin < 500, "cnf: Logit<Margin> has a margin of 0 to 499 thousandths");

  static std::string describe() { return Margin == 0 ? "Logit" : "Logit<" + std::to_string(Margin) + ">"; }

  template <class In, class F>
  using On = Elementwise<In>;

  template <class B, class In, class F>
  struct Bound {
    static constexpr double margin = Margin / 1000.0, share = 1 - 2 * margin;

    explicit Bound(Scope<B>) {}

    Forward<B, Logit, In, F> forward(const Batch<B, In>& x, const Maps<B, F>&) const {
      const auto v = x.data * share + margin;
      auto y = B::log(v) - B::log(v * -1.0 + 1.0);
      auto log_det =
          -detail::log_sigmoid_slope<B>(y) + double(In::channels) * double(x.area()) * std::log(share);
      return {.y = Batch<B, In>(std::move(y)), .log_det = std::move(log_det)};
    }
    Batch<B, In> inverse(const Batch<B, In>& y, const Maps<B, Latents<>>&, const Maps<B, F>&) const {
      return Batch<B, In>((detail::sigmoid<B>(y.data) - margin) * (1 / share));
    }
  };
};

struct Sigmoid {
  static std::string describe() { return "Sigmoid"; }

  template <class In, class F>
  using On = Elementwise<In>;

  template <class B, class In, class F>
  struct Bound {
    explicit Bound(Scope<B>) {}

    Forward<B, Sigmoid, In, F> forward(const Batch<B, In>& x, const Maps<B, F>&) const {
      return {.y = Batch<B, In>(detail::sigmoid<B>(x.data)), .log_det = detail::log_sigmoid_slope<B>(x.data)};
    }
    Batch<B, In> inverse(const Batch<B, In>& y, const Maps<B, Latents<>>&, const Maps<B, F>&) const {
      return Batch<B, In>(B::log(y.data) - B::log(y.data * -1.0 + 1.0));
    }
  };
};

}  // namespace cnf
