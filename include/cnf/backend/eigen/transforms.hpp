// Splines and mixtures of logistics (transforms/), number by number.
#pragma once

#include <algorithm>
#include <cmath>
#include <limits>
#include <type_traits>
#include <utility>
#include <vector>

#include "cnf/backend/eigen/arithmetic.hpp"
#include "cnf/backend/eigen/parallel.hpp"
#include "cnf/backend/eigen/tensor.hpp"
#include "cnf/transforms/logistic_mixture.hpp"
#include "cnf/transforms/rational_quadratic.hpp"

namespace cnf::eigen {

/// y of a number, and log dy/dx.
template <class T>
struct Mapped {
  T y, log_slope;  // log_slope: log dy/dx, nats
};

/// The spline of one channel of a pixel: raw parameter k is raw[k * stride].
template <class T>
class Spline {
 public:
  /// Of raw parameters that lie `stride` apart.
  Spline(const SplineShape& shape, const T* raw, long stride) : shape_(shape), raw_(raw), stride_(stride) {}

  /// y and log dy/dx.
  Mapped<T> forward(T x) const {
    if (!(x > T(shape_.low) && x < T(shape_.high))) return {x, 0};
    const auto b = bin(x, 0, shape_.bins);
    const T s = b.other_size / b.size, t = (x - b.start) / b.size, rest = 1 - t, t_rest = t * rest;
    const T q = s + (b.d0 + b.d1 - 2 * s) * t_rest;
    return {b.other_start + b.other_size * (s * t * t + b.d0 * t_rest) / q,
            2 * (std::log(s) - std::log(q)) + std::log(b.d1 * t * t + 2 * s * t_rest + b.d0 * rest * rest)};
  }

  /// x.
  T inverse(T y) const {
    if (!(y > T(shape_.low) && y < T(shape_.high))) return y;
    const auto here = bin(y, shape_.bins, 0);
    const T s = here.size / here.other_size, up = y - here.start, bend = up * (here.d0 + here.d1 - 2 * s);
    const T a = here.size * (s - here.d0) + bend, b = here.size * here.d0 - bend, c = -s * up;
    const T t = 2 * c / (-b - std::sqrt(std::max(b * b - 4 * a * c, T(0))));
    return t * here.other_size + here.other_start;
  }

 private:
  /// A bin along the axis that was asked for, and along the other one.
  struct Bin {
    T start, size, other_start, other_size, d0, d1;
  };

  T raw(int k) const { return raw_[k * stride_]; }

  /// The bin where `number` is; first, other: where the raw sizes of this axis and of the other one begin.
  Bin bin(T number, int first, int other) const {
    const auto here = shares(first), there = shares(other);
    Bin b{T(shape_.low), 0, T(shape_.low), 0, 0, 0};
    for (int k = 0;; ++k) {
      b.size = share(here, first, k);
      b.other_size = share(there, other, k);
      if (k == shape_.bins - 1 || number < b.start + b.size) {
        b.d0 = k == 0 ? 1 : slope(k - 1);
        b.d1 = k == shape_.bins - 1 ? 1 : slope(k);
        return b;
      }
      b.start += b.size;
      b.other_start += b.other_size;
    }
  }

  struct Softmax {
    T largest, sum;
  };
  Softmax shares(int first) const {
    Softmax all{raw(first), 0};
    for (int k = 1; k < shape_.bins; ++k) all.largest = std::max(all.largest, raw(first + k));
    for (int k = 0; k < shape_.bins; ++k) all.sum += std::exp(raw(first + k) - all.largest);
    return all;
  }
  T share(const Softmax& all, int first, int k) const {
    const T smallest = T(SplineShape::smallest), free = 1 - T(shape_.bins) * smallest;
    return (std::exp(raw(first + k) - all.largest) / all.sum * free + smallest) * T(shape_.high - shape_.low);
  }
  T slope(int k) const {
    return std::min(detail::softplus(raw(2 * shape_.bins + k) + T(SplineShape::slope_offset())) +
                        T(SplineShape::smallest),
                    T(SplineShape::largest));
  }

  SplineShape shape_;
  const T* raw_;
  long stride_;
};

/// The mixture of one channel of a pixel.
template <class T>
class Mixture {
 public:
  /// Of raw parameters that lie `stride` apart.
  Mixture(const MixtureShape& shape, const T* raw, long stride) : parts_(std::size_t(shape.components)) {
    const int k = shape.components;
    const auto at = [&](int i) { return raw[i * stride]; };
    const auto bounded = [](T r, double bound) { return T(bound) * std::tanh(r / T(bound)); };
    T largest = at(0), sum = 0;
    for (int i = 1; i < k; ++i) largest = std::max(largest, at(i));
    for (int i = 0; i < k; ++i) sum += std::exp(at(i) - largest);
    for (int i = 0; i < k; ++i)
      parts_[std::size_t(i)] = {at(i) - largest - std::log(sum), at(k + i) + T(shape.centre(i)),
                                bounded(at(2 * k + i), MixtureShape::scale_bound)};
    log_slope_ = bounded(at(3 * k), MixtureShape::slope_bound);
    shift_ = at(3 * k + 1);
  }

  /// y and log dy/dx.
  Mapped<T> forward(T x) const {
    const auto l = logit(x);
    return {l.y * std::exp(log_slope_) + shift_, l.log_slope + log_slope_};
  }

  /// x.
  T inverse(T y) const {
    const T t = (y - shift_) * std::exp(-log_slope_);
    T low = std::numeric_limits<T>::infinity(), high = -low;
    for (const auto& p : parts_) {
      const T end = p.mean + std::exp(p.log_s) * t;
      low = std::min(low, end);
      high = std::max(high, end);
    }
    T x = (low + high) / 2, step = high - low, before = step;
    for (int i = 0;
         i < 200 && std::abs(step) > std::numeric_limits<T>::epsilon() * std::max(T(1), std::abs(x)); ++i) {
      const auto here = logit(x);
      (here.y < t ? low : high) = x;
      const T newton = (here.y - t) * std::exp(-here.log_slope), after = x - newton;
      const bool is_good = after >= low && after <= high && 2 * std::abs(newton) <= std::abs(before);
      before = step;
      step = is_good ? newton : x - (low + high) / 2;
      x -= step;
    }
    return x;
  }

 private:
  struct Part {
    T log_p, mean, log_s;
  };

  /// logit F, and log d(logit F)/dx.
  Mapped<T> logit(T x) const {
    LogSum f, rest, density;
    for (const auto& p : parts_) {
      const T u = (x - p.mean) * std::exp(-p.log_s), above = -detail::softplus(-u), below = above - u;
      f.add(p.log_p + above);
      rest.add(p.log_p + below);
      density.add(p.log_p - p.log_s + above + below);
    }
    return {f.log() - rest.log(), density.log() - f.log() - rest.log()};
  }

  /// log sum exp, of one number after the other.
  struct LogSum {
    T largest = -std::numeric_limits<T>::infinity(), sum = 0;
    void add(T x) {
      if (x > largest) {
        sum = sum * std::exp(largest - x) + 1;
        largest = x;
      } else {
        sum += std::exp(x - largest);
      }
    }
    T log() const { return largest + std::log(sum); }
  };

  std::vector<Part> parts_;
  T log_slope_, shift_;
};

/// What the backend does with them.
template <class T>
struct Transforms {
  using Tensor = eigen::Tensor<T>;

  /// By transforms/: y and log dy/dx, and the inverse.
  template <class Shape>
  static std::pair<Tensor, Tensor> transformed(Tensor x, const Tensor& raw, const Shape& shape) {
    Tensor log_slope(x.n, x.h, x.w, typename Tensor::Values(x.channels(), x.values().cols()));
    T *const to = x.own().data(), *const slopes = log_slope.own().data();
    each_mapped(x, raw, shape, [&](long i, const auto& map) {
      const auto result = map.forward(to[i]);
      to[i] = result.y;
      slopes[i] = result.log_slope;
    });
    return {std::move(x), std::move(log_slope)};
  }
  template <class Shape>
  static Tensor restored(Tensor y, const Tensor& raw, const Shape& shape) {
    T* const to = y.own().data();
    each_mapped(y, raw, shape, [&](long i, const auto& map) { to[i] = map.inverse(to[i]); });
    return y;
  }

 private:
  /// visit(number, its spline or mixture) for all numbers of x.
  template <class Shape, class Visit>
  static void each_mapped(const Tensor& x, const Tensor& raw, const Shape& shape, const Visit& visit) {
    using Map = std::conditional_t<std::is_same_v<Shape, SplineShape>, Spline<T>, Mixture<T>>;
    const long channels = x.channels();
    by_stretches(long(x.values().cols()), 30 * raw.channels(), [&](long p) {
      const T* const parameters = raw.pixel(raw.values().cols() == 1 ? 0 : p);
      for (long c = 0; c < channels; ++c) visit(p * channels + c, Map(shape, parameters + c, channels));
    });
  }
};

}  // namespace cnf::eigen
