// The Eigen backend's tensor: N samples of C channels on H x W pixels, channels-last.
//
// `values` is a column-major array with C rows and N*H*W columns, one column per pixel in (sample, row,
// column) order: a 1x1 convolution is one matrix product, a channel split is a block of rows. Arithmetic
// between tensors of different size throws Error.
#pragma once

#include <Eigen/Core>
#include <string>
#include <utility>

#include "cnf/core/error.hpp"

namespace cnf::eigen {

template <class T>
struct Tensor {
  using Values = Eigen::Array<T, Eigen::Dynamic, Eigen::Dynamic>;

  long n = 0, h = 0, w = 0;
  Values values;

  Tensor() = default;
  Tensor(long samples, long height, long width, Values v)
      : n(samples), h(height), w(width), values(std::move(v)) {}

  long channels() const { return long(values.rows()); }
  long area() const { return h * w; }

  /// The same extents with other values.
  template <class Expression>
  Tensor like(const Expression& v) const {
    return Tensor(n, h, w, Values(v));
  }

  friend Tensor operator-(const Tensor& a) { return a.like(-a.values); }
  friend Tensor operator+(const Tensor& a, const Tensor& b) { return same(a, b).like(a.values + b.values); }
  friend Tensor operator-(const Tensor& a, const Tensor& b) { return same(a, b).like(a.values - b.values); }
  friend Tensor operator*(const Tensor& a, const Tensor& b) { return same(a, b).like(a.values * b.values); }
  friend Tensor operator+(const Tensor& a, double b) { return a.like(a.values + T(b)); }
  friend Tensor operator-(const Tensor& a, double b) { return a.like(a.values - T(b)); }
  friend Tensor operator*(const Tensor& a, double b) { return a.like(a.values * T(b)); }
  friend Tensor operator*(double b, const Tensor& a) { return a * b; }

 private:
  static const Tensor& same(const Tensor& a, const Tensor& b) {
    if (a.n != b.n || a.h != b.h || a.w != b.w || a.channels() != b.channels())
      throw Error("expected two tensors of one size, got " + a.text() + " and " + b.text());
    return a;
  }
  std::string text() const {
    return "(" + std::to_string(n) + ", " + std::to_string(channels()) + ", " + std::to_string(h) + ", " +
           std::to_string(w) + ")";
  }
};

/// A number per sample, in nats; one number alone holds for all samples.
template <class T>
struct PerSample {
  Eigen::Array<T, Eigen::Dynamic, 1> values;

  friend PerSample operator+(const PerSample& a, const PerSample& b) {
    if (a.values.size() == 1 && b.values.size() != 1) return b + a;
    if (b.values.size() == 1) return {a.values + b.values(0)};
    return {a.values + b.values};
  }
  friend PerSample operator-(const PerSample& a) { return {-a.values}; }
  friend PerSample operator-(const PerSample& a, const PerSample& b) { return a + -b; }
  friend PerSample operator*(const PerSample& a, double b) { return {a.values * T(b)}; }
  friend PerSample operator*(double b, const PerSample& a) { return a * b; }
  friend PerSample operator+(const PerSample& a, double b) { return {a.values + T(b)}; }
  friend PerSample operator-(const PerSample& a, double b) { return a + -b; }
};

}  // namespace cnf::eigen
