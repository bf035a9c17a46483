// What networks are made of on Eigen: convolutions and normalisations.
#pragma once

#include <algorithm>
#include <cmath>
#include <utility>
#include <vector>

#include "cnf/backend/eigen/conv2d.hpp"
#include "cnf/backend/eigen/images.hpp"
#include "cnf/backend/eigen/module.hpp"
#include "cnf/backend/eigen/parallel.hpp"
#include "cnf/backend/eigen/tensor.hpp"

namespace cnf::eigen {

template <class T>
struct Networks {
  using Tensor = eigen::Tensor<T>;
  using Parameter = eigen::Parameter<T>;
  using Vector = eigen::Vector<T>;
  using Matrix = eigen::Matrix<T>;

  /// Networks compute in T.
  struct Precision {
    bool operator==(const Precision&) const = default;
  };

  static Tensor conv2d(const Tensor& x, const Parameter& weight, const Parameter* bias, int stride,
                       int padding) {
    if (bias) return eigen::conv2d(x, weight.weight(), bias->values(), stride, padding);
    return eigen::conv2d(x, weight.weight(), zeros(weight.size(0)), stride, padding);
  }

  static const Tensor& to_network(const Tensor& x, const Precision&, const Parameter&) { return x; }
  static const Tensor& to_state(const Tensor& raw, const Tensor&) { return raw; }
  static std::vector<Tensor> shared_convs(const Tensor& h, const std::vector<Parameter>& weights,
                                          const std::vector<Parameter>& biases, int padding,
                                          const Precision&) {
    std::vector<Tensor> all;
    for (std::size_t i = 0; i < weights.size(); ++i)
      all.push_back(conv2d(h, weights[i], &biases[i], 1, padding));
    return all;
  }
  static Tensor joint_conv(const Tensor& z, const Parameter& weight, const Tensor& h,
                           const Parameter& features, const Parameter& bias, const Tensor* shared,
                           int padding, const Precision&) {
    if (z.n == 0) return shared ? repeated(*shared, h.n) : conv2d(h, features, &bias, 1, padding);
    const auto from_features = shared ? *shared : conv2d(h, features, &bias, 1, padding);
    return eigen::conv2d(z, weight.weight(), from_features.values(), 1, padding);
  }
  /// The same matrix for the channels of every pixel.
  static Tensor mix_channels(Tensor x, const Matrix& w) {
    const eigen::ConvWeight<T> weight({w.rows(), w.cols(), 1, 1}, w.data());
    return by_bands<Images<T>>(std::move(x), [&](const Tensor& part, const Window&) {
      return eigen::conv2d(part, weight, zeros(w.rows()), 1, 0);
    });
  }

  /// Zero mean and unit variance per sample and channel.
  static Tensor instance_norm(Tensor x) {
    auto& values = x.own();
    const long area = x.area(), channels = x.channels(), parts = std::min(channels, long(threads()));
    parallel_for(x.n * parts, double(values.size()), [&](long task) {
      const long first = task % parts * channels / parts, last = (task % parts + 1) * channels / parts;
      auto pixels = values.block(first, task / parts * area, last - first, area);
      Vector mean = Vector::Zero(last - first), square = mean;
      for (long p = 0; p < area; ++p) mean += pixels.col(p);
      mean /= T(area);
      for (long p = 0; p < area; ++p) square += (pixels.col(p) - mean).square();
      const Vector scale = (square / T(area) + T(1e-5)).rsqrt();
      for (long p = 0; p < area; ++p) pixels.col(p) = (pixels.col(p) - mean) * scale;
    });
    return x;
  }
  /// Zero mean and unit variance over the channels of each pixel, then scaled and shifted.
  static Tensor layer_norm(Tensor x, const Parameter& scale, const Parameter& shift) {
    T* const values = x.own().data();
    const long channels = x.channels();
    by_stretches(long(x.values().cols()), 4 * channels, [&](long p) {
      T* const pixel = values + p * channels;
      T mean = 0, square = 0;
      for (long c = 0; c < channels; ++c) mean += pixel[c];
      mean /= T(channels);
      for (long c = 0; c < channels; ++c) square += (pixel[c] - mean) * (pixel[c] - mean);
      const T inverse = 1 / std::sqrt(square / T(channels) + T(1e-5));
      for (long c = 0; c < channels; ++c)
        pixel[c] = (pixel[c] - mean) * inverse * scale.values()[c] + shift.values()[c];
    });
    return x;
  }

 private:
  static Vector zeros(long size) {
    Vector v(size);
    std::fill_n(v.data(), size, T(0));
    return v;
  }
  static Tensor repeated(const Tensor& x, long n) {
    return x.n == n ? x : Images<T>::repeat_samples(x, n / x.n);
  }
};

}  // namespace cnf::eigen
