// The Eigen backend's tensor: N samples of C channels on H x W pixels, channels-last.
//
// `values()` is a column-major array with C rows and N*H*W columns, one column per pixel in (sample, row,
// column) order: a 1x1 convolution is one matrix product, a channel split is a block of rows. Copies share the
// values until one of them is changed. Arithmetic between tensors of different size throws Error.
#pragma once

#include <Eigen/Core>
#include <algorithm>
#include <memory>
#include <string>
#include <utility>

#include "cnf/backend/eigen/parallel.hpp"
#include "cnf/core/error.hpp"

namespace cnf::eigen {

template <class T>
struct Tensor {
  using Values = Eigen::Array<T, Eigen::Dynamic, Eigen::Dynamic>;

  long n = 0, h = 0, w = 0;

  Tensor() : Tensor(0, 0, 0, Values()) {}
  Tensor(long samples, long height, long width, Values v)
      : n(samples), h(height), w(width), values_(std::make_shared<Values>(std::move(v))) {}

  const Values& values() const { return *values_; }
  /// To change: no other tensor has them.
  Values& own() {
    if (values_.use_count() > 1) values_ = std::make_shared<Values>(*values_);
    return *values_;
  }

  long channels() const { return long(values_->rows()); }
  long area() const { return h * w; }

  /// The same extents with other values.
  template <class Expression>
  Tensor like(const Expression& v) const {
    return Tensor(n, h, w, Values(v));
  }

  /// change(block of columns) on all of them, by all cores; in place where nobody else holds the values.
  template <class Change>
  friend Tensor changed(Tensor x, const Change& change) {
    auto& values = x.own();
    const long columns = long(values.cols()), blocks = std::min(columns, 4L * threads());
    parallel_for(blocks, double(values.size()), [&](long i) {
      const long first = i * columns / blocks;
      change(values.middleCols(first, (i + 1) * columns / blocks - first));
    });
    return x;
  }

  friend Tensor operator-(const Tensor& a) { return a.like(-a.values()); }
  friend Tensor operator+(Tensor a, const Tensor& b) {
    same(a, b);
    a.own() += b.values();
    return a;
  }
  friend Tensor operator-(Tensor a, const Tensor& b) {
    same(a, b);
    a.own() -= b.values();
    return a;
  }
  friend Tensor operator*(Tensor a, const Tensor& b) {
    same(a, b);
    a.own() *= b.values();
    return a;
  }
  friend Tensor operator+(const Tensor& a, double b) { return a.like(a.values() + T(b)); }
  friend Tensor operator-(const Tensor& a, double b) { return a.like(a.values() - T(b)); }
  friend Tensor operator*(const Tensor& a, double b) { return a.like(a.values() * T(b)); }
  friend Tensor operator*(double b, const Tensor& a) { return a * b; }

 private:
  static void same(const Tensor& a, const Tensor& b) {
    if (a.n != b.n || a.h != b.h || a.w != b.w || a.channels() != b.channels())
      throw Error("expected two tensors of one size, got " + a.text() + " and " + b.text());
  }
  std::string text() const {
    return "(" + std::to_string(n) + ", " + std::to_string(channels()) + ", " + std::to_string(h) + ", " +
           std::to_string(w) + ")";
  }

  std::shared_ptr<Values> values_;
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
