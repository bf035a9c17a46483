// The Eigen backend's tensor: N samples of C channels on H x W pixels, channels-last.
//
// `values()` is a column-major array with C rows and N*H*W columns, one column per pixel in (sample, row,
// column) order, so that a pixel's channels lie together. Copies share the values until one of them is changed.
// Arithmetic between tensors of different size throws Error. It is loops, not Eigen's expressions: those were most of
// what a flow costs to compile.
#pragma once

#include <Eigen/Core>
#include <algorithm>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <utility>

#include "cnf/backend/eigen/parallel.hpp"
#include "cnf/core/error.hpp"

#ifdef EIGEN_NO_MALLOC
#error \
    "cnf: expected an Eigen that may allocate, got EIGEN_NO_MALLOC: tensors have sizes that only the run knows"
#endif

namespace cnf::eigen {

/// A number per channel.
template <class T>
using Vector = Eigen::Array<T, Eigen::Dynamic, 1>;
/// A small matrix, row-major.
template <class T>
using Matrix = Eigen::Matrix<T, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

template <class T>
struct Tensor {
  using Values = Eigen::Array<T, Eigen::Dynamic, Eigen::Dynamic, Eigen::ColMajor>;

  long n = 0, h = 0, w = 0;  // samples, height and width

  Tensor() : Tensor(0, 0, 0, Values()) {}
  /// Of these values, a column a pixel.
  Tensor(long samples, long height, long width, Values v)
      : n(samples), h(height), w(width), values_(std::make_shared<Values>(std::move(v))) {}

  /// A column a pixel, a row a channel.
  const Values& values() const { return *values_; }
  /// To change: no other tensor has them.
  Values& own() {
    if (values_.use_count() > 1) values_ = std::make_shared<Values>(*values_);
    return *values_;
  }

  /// All numbers, and those of a pixel.
  std::span<const T> numbers() const { return {values_->data(), static_cast<std::size_t>(values_->size())}; }
  /// The channels of a pixel.
  const T* pixel(long column) const { return values_->data() + column * channels(); }

  /// Of every pixel.
  long channels() const { return long(values_->rows()); }
  /// Pixels of a sample.
  long area() const { return h * w; }

  /// f(number) for all, by all cores; in place where nobody else holds the values.
  template <class F>
  friend Tensor each(Tensor x, const F& f) {
    T* const to = x.own().data();
    x.stretches([&](long first, long last) {
      for (long i = first; i < last; ++i) to[i] = f(to[i]);
    });
    return x;
  }
  /// f(number of a, number of b).
  template <class F>
  friend Tensor each(Tensor a, const Tensor& b, const F& f) {
    if (a.n != b.n || a.h != b.h || a.w != b.w || a.channels() != b.channels())
      throw Error("expected two tensors of one size, got " + a.text() + " and " + b.text());
    T* const to = a.own().data();
    const T* const other = b.values().data();
    a.stretches([&](long first, long last) {
      for (long i = first; i < last; ++i) to[i] = f(to[i], other[i]);
    });
    return a;
  }

  friend Tensor operator-(Tensor a) {
    return each(std::move(a), [](T x) { return -x; });
  }
  friend Tensor operator+(Tensor a, const Tensor& b) { return each(std::move(a), b, std::plus<T>()); }
  friend Tensor operator-(Tensor a, const Tensor& b) { return each(std::move(a), b, std::minus<T>()); }
  friend Tensor operator*(Tensor a, const Tensor& b) { return each(std::move(a), b, std::multiplies<T>()); }
  friend Tensor operator+(Tensor a, double b) {
    return each(std::move(a), [b = T(b)](T x) { return x + b; });
  }
  friend Tensor operator-(Tensor a, double b) { return std::move(a) + -b; }
  friend Tensor operator*(Tensor a, double b) {
    return each(std::move(a), [b = T(b)](T x) { return x * b; });
  }
  friend Tensor operator*(double b, Tensor a) { return std::move(a) * b; }

 private:
  template <class Body>
  void stretches(const Body& body) const {
    const long count = long(values_->size()), parts = std::min(count, 4L * threads());
    parallel_for(parts, double(count), [&](long i) { body(i * count / parts, (i + 1) * count / parts); });
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
  /// One, or one a sample.
  Eigen::Array<T, Eigen::Dynamic, 1> values;

  friend PerSample operator+(PerSample a, const PerSample& b) {
    if (a.values.size() < b.values.size()) return b + a;
    for (long i = 0; i < a.values.size(); ++i) a.values[i] += b.values[b.values.size() == 1 ? 0 : i];
    return a;
  }
  friend PerSample operator*(PerSample a, double b) {
    for (long i = 0; i < a.values.size(); ++i) a.values[i] *= T(b);
    return a;
  }
  friend PerSample operator+(PerSample a, double b) {
    for (long i = 0; i < a.values.size(); ++i) a.values[i] += T(b);
    return a;
  }
  friend PerSample operator-(PerSample a) { return std::move(a) * -1.0; }
  friend PerSample operator-(PerSample a, const PerSample& b) { return std::move(a) + -b; }
  friend PerSample operator-(PerSample a, double b) { return std::move(a) + -b; }
  friend PerSample operator*(double b, PerSample a) { return std::move(a) * b; }
};

}  // namespace cnf::eigen
