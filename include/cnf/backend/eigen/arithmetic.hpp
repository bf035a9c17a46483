// What the Eigen backend does number by number, and its sums.
#pragma once

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>
#include <vector>

#include "cnf/backend/eigen/tensor.hpp"

namespace cnf::eigen {

namespace detail {

template <class T>
T softplus(T x) {
  return std::max(x, T(0)) + std::log1p(std::exp(-std::abs(x)));
}

}  // namespace detail

template <class T>
struct Arithmetic {
  using Tensor = eigen::Tensor<T>;
  using PerSample = eigen::PerSample<T>;
  using Vector = eigen::Vector<T>;

  // Elementwise; + - * are Tensor's own.
  static Vector exp(Vector v) {
    for (long i = 0; i < v.size(); ++i) v[i] = std::exp(v[i]);
    return v;
  }
  static Tensor exp(Tensor x) {
    return each(std::move(x), [](T v) { return std::exp(v); });
  }
  static Tensor log(Tensor x) {
    return each(std::move(x), [](T v) { return std::log(v); });
  }
  static Tensor tanh(Tensor x) {
    return each(std::move(x), [](T v) { return std::tanh(v); });
  }
  static Tensor softplus(Tensor x) {
    return each(std::move(x), [](T v) { return detail::softplus(v); });
  }
  static Tensor relu(Tensor x) {
    return each(std::move(x), [](T v) { return std::max(v, T(0)); });
  }
  static Tensor leaky_relu(Tensor x, double slope) {
    return each(std::move(x), [slope = T(slope)](T v) { return std::max(v, v * slope); });
  }
  static Tensor log1m_exp(Tensor x) {
    return each(std::move(x), [](T v) { return std::log(-std::expm1(v)); });
  }
  static Tensor round(Tensor x) {
    return each(std::move(x), [](T v) { return std::rint(v); });
  }
  static Tensor floor(Tensor x) {
    return each(std::move(x), [](T v) { return std::floor(v); });
  }
  static Tensor clamp(Tensor x, double low, double high) {
    return each(std::move(x), [low = T(low), high = T(high)](T v) { return std::clamp(v, low, high); });
  }
  static Tensor where_at_most(const Tensor& choice, double bound, const Tensor& a, const Tensor& b) {
    return where(choice, a, b, [bound = T(bound)](T c) { return c <= bound; });
  }
  static Tensor where_at_least(const Tensor& choice, double bound, const Tensor& a, const Tensor& b) {
    return where(choice, a, b, [bound = T(bound)](T c) { return c >= bound; });
  }

  // Sums.
  static PerSample sum(const Tensor& x) {
    PerSample s{Vector(x.n)};
    const long size = x.area() * x.channels();
    for (long i = 0; i < x.n; ++i)  // in double: an image has millions of numbers
      s.values[i] = T(Eigen::Map<const Vector>(x.pixel(i * x.area()), size).template cast<double>().sum());
    return s;
  }
  static PerSample total(const Vector& v) { return {Vector::Constant(1, v.sum())}; }
  static PerSample log_sum_exp(const std::vector<PerSample>& chunks, long n, double power) {
    PerSample all{Vector(n)};
    for (long i = 0; i < n; ++i) {
      T most = -std::numeric_limits<T>::infinity(), sum = 0;
      const auto each = [&](const auto& visit) {
        for (const auto& chunk : chunks)
          for (long k = 0, draws = chunk.values.size() / n; k < draws; ++k)
            visit(T(power) * chunk.values(i * draws + k));
      };
      each([&](T w) { most = std::max(most, w); });
      each([&](T w) { sum += std::exp(w - most); });
      all.values(i) = most + std::log(sum);
    }
    return all;
  }
  static PerSample exp(const PerSample& p) { return {p.values.exp()}; }
  static PerSample per_sample(const PerSample& p, long n) {
    return p.values.size() == n ? p : PerSample{Vector::Constant(n, p.values(0))};
  }
  static PerSample constant(double value, const Tensor&) { return {Vector::Constant(1, T(value))}; }

  // What all numbers are.
  static bool all_integers_within(const Tensor& x, double low, double high) {
    return all(x,
               [low = T(low), high = T(high)](T v) { return v >= low && v <= high && v == std::floor(v); });
  }
  static bool all_finite(const Tensor& x) {
    return all(x, [](T v) { return std::isfinite(v); });
  }
  static bool all_finite(const PerSample& p) { return p.values.isFinite().all(); }

 private:
  template <class Holds>
  static bool all(const Tensor& x, const Holds& holds) {
    for (const T v : x.numbers())
      if (!holds(v)) return false;
    return true;
  }
  template <class Holds>
  static Tensor where(const Tensor& choice, Tensor a, const Tensor& b, const Holds& holds) {
    T* to = a.own().data();
    const T* other = b.numbers().data();
    for (const T c : choice.numbers()) {
      if (!holds(c)) *to = *other;
      ++to, ++other;
    }
    return a;
  }
};

}  // namespace cnf::eigen
