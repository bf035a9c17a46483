// Splines and mixtures of logistics (transforms/) on tensors. raw: (N, P * C, H, W), or (1, P * C, 1, 1) for all.
#pragma once

#include <ATen/ATen.h>

#include <cmath>
#include <utility>
#include <vector>

#include "cnf/backend/libtorch/constants.hpp"
#include "cnf/transforms/logistic_mixture.hpp"
#include "cnf/transforms/rational_quadratic.hpp"

namespace cnf::libtorch {

/// y of every number, and log dy/dx.
using Mapped = std::pair<at::Tensor, at::Tensor>;

namespace detail {

/// Parameters first .. first + count - 1 of every number: (N, count, C, H, W).
class RawParameters {
 public:
  RawParameters(const at::Tensor& raw, const at::Tensor& x)
      : all_(raw.reshape({raw.size(0), -1, x.size(1), raw.size(2), raw.size(3)})) {}
  at::Tensor operator()(int first, int count) const { return all_.narrow(1, first, count); }
  at::Tensor operator()(int which) const { return all_.select(1, which); }

 private:
  at::Tensor all_;
};

/// log sig(x) and log sig(-x).
inline Mapped log_sigmoids(const at::Tensor& x) {
  auto positive = at::log_sigmoid(x);
  auto negative = positive - x;
  return {std::move(positive), std::move(negative)};
}

/// The knots and slopes of splines, and the bin of each number.
struct Spline {
  SplineShape shape;
  at::Tensor widths, heights, slopes, left, bottom;  // by bin; slopes: of the knots, one more

  Spline(const at::Tensor& x, const at::Tensor& raw, const SplineShape& s) : shape(s) {
    const RawParameters parameters(raw, x);
    const auto shares = [&](const at::Tensor& part) {
      const double free = 1 - s.bins * SplineShape::smallest;
      return (at::softmax(part, 1) * free + SplineShape::smallest) * (s.high - s.low);
    };
    const auto knots = [&](const at::Tensor& sizes) {  // where each bin starts
      return at::constant_pad_nd(sizes.narrow(1, 0, s.bins - 1).cumsum(1), {0, 0, 0, 0, 0, 0, 1, 0}) + s.low;
    };
    widths = shares(parameters(0, s.bins));
    heights = shares(parameters(s.bins, s.bins));
    left = knots(widths);
    bottom = knots(heights);
    const auto inner = SplineShape::smallest -
                       at::log_sigmoid(-(parameters(2 * s.bins, s.bins - 1) + SplineShape::slope_offset()));
    slopes = at::constant_pad_nd(at::clamp_max(inner, SplineShape::largest), {0, 0, 0, 0, 0, 0, 1, 1}, 1);
  }

  /// The bin of each number.
  struct Bin {
    at::Tensor left, width, bottom, height, d0, d1;
  };
  /// `starts`: where bins start along the axis of the numbers, left or bottom.
  Bin bin_of(const at::Tensor& numbers, const at::Tensor& starts) const {
    const auto bin = (numbers.unsqueeze(1) >= starts.narrow(1, 1, shape.bins - 1)).sum(1, /*keepdim=*/true);
    return {pick(left, bin),    pick(widths, bin), pick(bottom, bin),
            pick(heights, bin), pick(slopes, bin), pick(slopes, bin + 1)};
  }
  /// by_bin of these bins, (N, 1, C, H, W).
  static at::Tensor pick(const at::Tensor& by_bin, const at::Tensor& bin) {
    auto sizes = bin.sizes().vec();
    sizes[1] = by_bin.size(1);
    return by_bin.expand(sizes).gather(1, bin).squeeze(1);
  }
  at::Tensor inside(const at::Tensor& numbers) const {
    return (numbers > shape.low) & (numbers < shape.high);
  }
};

struct Mixture {
  MixtureShape shape;
  at::Tensor log_p, mean, log_s, log_slope, shift;

  Mixture(const at::Tensor& x, const at::Tensor& raw, const MixtureShape& s) : shape(s) {
    const RawParameters parameters(raw, x);
    const int k = s.components;
    std::vector<double> centres;
    for (int i = 0; i < k; ++i) centres.push_back(s.centre(i));
    log_p = at::log_softmax(parameters(0, k), 1);
    mean = parameters(k, k) + constants(centres, {1, k, 1, 1, 1}, raw.options());
    log_s = bounded(parameters(2 * k, k), MixtureShape::scale_bound);
    log_slope = bounded(parameters(3 * k), MixtureShape::slope_bound);
    shift = parameters(3 * k + 1);
  }

  /// logit F, and log d(logit F)/dx.
  Mapped logit(const at::Tensor& x) const {
    const auto u = (x.unsqueeze(1) - mean) * at::exp(-log_s);
    const auto [above, below] = log_sigmoids(u);
    const auto log_f = at::logsumexp(log_p + above, 1), log_rest = at::logsumexp(log_p + below, 1);
    return {log_f - log_rest, at::logsumexp(log_p - log_s + above + below, 1) - log_f - log_rest};
  }

  /// x with logit F(x) = t, without gradients.
  at::Tensor root(const at::Tensor& t) const {
    const auto ends = mean + at::exp(log_s) * t.unsqueeze(1);
    auto low = ends.amin(1), high = ends.amax(1), x = (low + high) * 0.5;
    const int bisections = 18, steps = t.scalar_type() == at::kDouble ? 40 : 30;
    for (int i = 0; i < steps; ++i) {
      const auto [found, log_derivative] = logit(x);
      const auto is_low = found < t;
      low = at::where(is_low, x, low);
      high = at::where(is_low, high, x);
      const auto middle = (low + high) * 0.5;
      if (i < bisections) {
        x = middle;
      } else {
        const auto newton = x - (found - t) * at::exp(-log_derivative);
        x = at::where((newton >= low) & (newton <= high), newton, middle);
      }
    }
    return x;
  }

 private:
  static at::Tensor bounded(const at::Tensor& raw, double bound) {
    return at::tanh(raw * (1 / bound)) * bound;
  }
};

}  // namespace detail

/// y of every number by its spline, and log dy/dx.
inline Mapped transformed(const at::Tensor& x, const at::Tensor& raw, const SplineShape& shape) {
  const detail::Spline spline(x, raw, shape);
  const auto within = at::clamp(x, shape.low, shape.high);
  const auto [left, width, bottom, height, d0, d1] = spline.bin_of(within, spline.left);
  const auto s = height / width, t = (within - left) / width, rest = 1 - t, t_rest = t * rest;
  const auto q = s + (d0 + d1 - 2 * s) * t_rest;
  const auto y = bottom + height * (s * t * t + d0 * t_rest) / q;
  const auto slope = d1 * t * t + 2 * s * t_rest + d0 * rest * rest;
  const auto log_slope = 2 * (at::log(s) - at::log(q)) + at::log(slope);
  const auto inside = spline.inside(x);
  return {at::where(inside, y, x), at::where(inside, log_slope, at::zeros({}, x.options()))};
}

/// The inverse.
inline at::Tensor restored(const at::Tensor& y, const at::Tensor& raw, const SplineShape& shape) {
  const detail::Spline spline(y, raw, shape);
  const auto within = at::clamp(y, shape.low, shape.high);
  const auto [left, width, bottom, height, d0, d1] = spline.bin_of(within, spline.bottom);
  const auto s = height / width, up = within - bottom, bend = up * (d0 + d1 - 2 * s);
  const auto a = height * (s - d0) + bend, b = height * d0 - bend, c = -s * up;
  const auto t = 2 * c / (-b - at::sqrt(at::clamp_min(b * b - 4 * a * c, 1e-30)));
  return at::where(spline.inside(y), t * width + left, y);
}

/// y of every number by its mixture, and log dy/dx.
inline Mapped transformed(const at::Tensor& x, const at::Tensor& raw, const MixtureShape& shape) {
  const detail::Mixture mixture(x, raw, shape);
  const auto [logit, log_derivative] = mixture.logit(x);
  return {logit * at::exp(mixture.log_slope) + mixture.shift, log_derivative + mixture.log_slope};
}

/// The inverse.
inline at::Tensor restored(const at::Tensor& y, const at::Tensor& raw, const MixtureShape& shape) {
  const detail::Mixture mixture(y, raw, shape);
  const auto t = (y - mixture.shift) * at::exp(-mixture.log_slope);
  at::Tensor x;
  {
    const at::NoGradGuard no_grad;
    x = mixture.root(t);
  }
  if (!at::GradMode::is_enabled()) return x;
  // one more of Newton's steps gives the root its gradient: that of the implicit function
  const auto [found, log_derivative] = mixture.logit(x);
  return x - (found - t) * at::exp(-log_derivative).detach();
}

}  // namespace cnf::libtorch
