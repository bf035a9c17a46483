// What the Eigen backend does to the channels of every pixel.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>

#include "cnf/backend/eigen/module.hpp"
#include "cnf/backend/eigen/parallel.hpp"
#include "cnf/backend/eigen/tensor.hpp"

namespace cnf::eigen {

template <class T>
struct Channels {
  using Tensor = eigen::Tensor<T>;
  using Parameter = eigen::Parameter<T>;
  using Vector = eigen::Vector<T>;

  static Tensor channel_affine(Tensor x, const Vector& scale, const Vector& shift) {
    T* const to = x.own().data();
    const long channels = x.channels();
    by_stretches(long(x.values().cols()), channels, [&](long p) {
      for (long c = 0; c < channels; ++c) to[p * channels + c] = to[p * channels + c] * scale[c] + shift[c];
    });
    return x;
  }
  static Tensor add_channels(const Tensor& x, const Vector& shift) {
    return channel_affine(x, Vector::Ones(shift.size()), shift);
  }
  static Tensor broadcast_channels(const Vector& v, const Tensor& like) {
    return pixels(like, long(v.size()), [&](long, T* to) { std::copy_n(v.data(), v.size(), to); });
  }
  static Tensor channels_of(const Tensor& x, long first, long count) {
    return pixels(x, count, [&](long p, T* to) { std::copy_n(x.pixel(p) + first, count, to); });
  }
  static Tensor concat(const Tensor& a, const Tensor& b) {
    return pixels(a, a.channels() + b.channels(), [&](long p, T* to) {
      std::copy_n(b.pixel(p), b.channels(), std::copy_n(a.pixel(p), a.channels(), to));
    });
  }
  template <std::size_t C>
  static Tensor permute_channels(const Tensor& x, const std::array<int, C>& source) {
    return pixels(x, long(C), [&](long p, T* to) {
      for (std::size_t c = 0; c < C; ++c) to[c] = x.pixel(p)[source[c]];
    });
  }

  /// A parameter as one pixel.
  static Tensor as_pixel(const Parameter& p) {
    Tensor x(1, 1, 1, typename Tensor::Values(p.values().size(), 1));
    std::copy_n(p.values().data(), p.values().size(), x.own().data());
    return x;
  }
  /// The rows of a table that x names, pixel by pixel; x: integers within it.
  static Tensor embedded(const Tensor& x, const Parameter& table) {
    const long channels = table.size(1);
    return pixels(x, channels, [&](long p, T* to) {
      std::copy_n(table.values().data() + long(x.pixel(p)[0]) * channels, channels, to);
    });
  }

 private:
  /// Of x's pixels, with other channels: fill(pixel, its channels) writes them.
  template <class Fill>
  static Tensor pixels(const Tensor& x, long channels, const Fill& fill) {
    Tensor y(x.n, x.h, x.w, typename Tensor::Values(channels, x.values().cols()));
    T* const to = y.own().data();
    by_stretches(long(x.values().cols()), channels, [&](long p) { fill(p, to + p * channels); });
    return y;
  }
};

}  // namespace cnf::eigen
