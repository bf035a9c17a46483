// What the LibTorch backend does number by number, and its sums.
#pragma once

#include <ATen/ATen.h>

#include <cstdint>
#include <limits>
#include <vector>

#include "cnf/backend/libtorch/layout.hpp"

namespace cnf::libtorch {

struct Arithmetic {
  using Tensor = at::Tensor;
  using PerSample = at::Tensor;

  // Elementwise; + - * / are at::Tensor's own.
  static Tensor exp(const Tensor& x) { return x.exp(); }
  static Tensor log(const Tensor& x) { return x.log(); }
  static Tensor tanh(const Tensor& x) { return x.tanh(); }
  static Tensor softplus(const Tensor& x) {
    return -at::log_sigmoid(-x);
  }  // at::softplus drops exp(-x) beyond 20
  /// In place where nothing else has the argument's numbers.
  static Tensor relu(Tensor x) { return is_only_ours(x) ? at::relu_(x) : at::relu(x); }
  static Tensor leaky_relu(Tensor x, double slope) {
    return is_only_ours(x) ? at::leaky_relu_(x, slope) : at::leaky_relu(x, slope);
  }
  static Tensor log1m_exp(const Tensor& x) { return at::log(-at::expm1(x)); }
  static Tensor round(const Tensor& x) { return at::round(x); }
  static Tensor floor(const Tensor& x) { return at::floor(x); }
  static Tensor clamp(const Tensor& x, double low, double high) { return at::clamp(x, low, high); }
  /// Where `choice` is at most / at least the bound, `a`; elsewhere `b`.
  static Tensor where_at_most(const Tensor& choice, double bound, const Tensor& a, const Tensor& b) {
    return at::where(choice <= bound, a, b);
  }
  static Tensor where_at_least(const Tensor& choice, double bound, const Tensor& a, const Tensor& b) {
    return at::where(choice >= bound, a, b);
  }

  // Sums: per sample (N), and of a parameter (one number for all samples).
  static PerSample sum(const Tensor& x) { return x.sum({1, 2, 3}); }
  static PerSample total(const Tensor& v) { return v.sum(); }
  static PerSample per_sample(const PerSample& p, long n) { return p.expand({n}); }
  /// Of several results of one layer: all are per sample, or none is.
  static PerSample sum_of(const std::vector<PerSample>& all) {
    return all.size() == 1 ? all[0] : at::stack(all).sum(0);
  }
  /// log sum exp(power * w) per sample, over chunks of a few w for each of n samples (sample by sample).
  static PerSample log_sum_exp(const std::vector<PerSample>& chunks, long n, double power) {
    std::vector<Tensor> columns;
    for (const auto& chunk : chunks) columns.push_back(chunk.view({n, -1}));
    return (at::cat(columns, 1) * power).logsumexp(1);
  }
  /// One number for all samples.
  static PerSample constant(double value, const Tensor& like) {
    return at::scalar_tensor(value, like.options());
  }

  // What all numbers are.
  static bool all_integers_within(const Tensor& x, double low, double high) {
    return holds_for_all(
        x, [&](const Tensor& part) { return (part >= low) & (part <= high) & (part == at::floor(part)); });
  }
  /// Whether to look at x's numbers is to wait for a device.
  static bool waits_for(const Tensor& x) { return !x.is_cpu(); }
  static Tensor nan_unless_integer(const Tensor& x, double low, double high) {
    const auto good = (x >= low) & (x <= high) & (x == at::floor(x));
    return at::where(good, x, at::full({}, std::numeric_limits<double>::quiet_NaN(), x.options()));
  }
  static bool all_finite(const Tensor& x) {
    return holds_for_all(x, [](const Tensor& part) { return at::isfinite(part); });
  }

 private:
  /// Part by part: what LibTorch makes on the way is as large as its argument.
  template <class Holds>
  static bool holds_for_all(const Tensor& x, const Holds& holds) {
    for (const auto& part : x.reshape({-1}).split(std::int64_t{1} << 20))
      if (!holds(part).all().template item<bool>()) return false;
    return true;
  }
};

}  // namespace cnf::libtorch
