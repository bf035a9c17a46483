// The Eigen backend: likelihood and sampling in float or double without LibTorch. No gradients, no training;
// in double it is the oracle of the tests. Operations are those of backend/libtorch/backend.hpp, with the
// same meaning.
#pragma once

#include <Eigen/Core>
#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "cnf/backend/eigen/conv2d.hpp"
#include "cnf/backend/eigen/images.hpp"
#include "cnf/backend/eigen/module.hpp"
#include "cnf/backend/eigen/tensor.hpp"
#include "cnf/backend/eigen/transforms.hpp"
#include "cnf/backend/host_numbers.hpp"
#include "cnf/core/lu.hpp"
#include "cnf/core/noise_rows.hpp"
#include "cnf/io/dtype.hpp"

namespace cnf::eigen {

template <class T = float>
struct Backend : Transforms<T> {
  using Base = Images<T>;
  using Tensor = eigen::Tensor<T>;
  using Parameter = eigen::Parameter<T>;
  using Numbers = eigen::Numbers<T>;
  using PerSample = eigen::PerSample<T>;
  using Module = eigen::Module<T>;
  using Vector = Eigen::Array<T, Eigen::Dynamic, 1>;
  using Matrix = Eigen::Matrix<T, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

  struct Placement {};

  /// Networks compute in T.
  struct Precision {
    bool operator==(const Precision&) const = default;
  };
  static Precision networks(const Placement&) { return {}; }

  // Shapes.
  static long samples(const Tensor& x) { return x.n; }
  static long channels(const Tensor& x) { return x.channels(); }
  static long height(const Tensor& x) { return x.h; }
  static long width(const Tensor& x) { return x.w; }

  // Modules and parameters.
  struct NoGradients {
    NoGradients() {}
  };
  static bool gradients_enabled() { return false; }

  static Module& child(Module& parent, const std::string& name) {
    for (auto& [known, module] : parent.children)
      if (known == name) return *module;
    return *parent.children.emplace_back(name, std::make_unique<Module>()).second;
  }

  /// Without values: all 0.
  static Parameter add_parameter(Module& module, const std::string& name, const std::vector<long>& sizes,
                                 const std::vector<double>& values, bool trained) {
    Parameter p{std::make_shared<typename Parameter::State>()};
    p.state->sizes = sizes;
    p.state->trained = trained;
    if (!values.empty())
      assign(p, values);
    else if (p.is_weight())
      p.assign({.array = {}, .weight = eigen::ConvWeight<T>(sizes)});
    else
      set(p, 0);
    module.parameters.emplace_back(name, p);
    return p;
  }

  static bool is_trained(const Parameter& p) { return p.state->trained; }
  static bool training(const Module&) { return false; }
  static void set(const Parameter& p, double value) {
    assign(p, std::vector<double>(std::size_t(count(p)), value));
  }
  static double first(const Parameter& p) { return double(p.values()(0)); }
  static const Vector& vector(const Parameter& p) { return p.values(); }
  static Matrix matrix(const Parameter& p) {
    Matrix m(p.size(0), p.size(1));
    std::copy_n(p.values().data(), p.values().size(), m.data());
    return m;
  }

  template <class V>
  using Cache = eigen::Cache<V>;

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

  // Channels.
  static Tensor channel_affine(Tensor x, const Vector& scale, const Vector& shift) {
    T* const to = x.own().data();
    const long channels = x.channels();
    Base::by_stretches(long(x.values().cols()), channels, [&](long p) {
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
  static Tensor mix_channels(Tensor x, const Matrix& w) {
    const eigen::ConvWeight<T> weight({w.rows(), w.cols(), 1, 1}, w.data());
    return by_bands<Backend>(std::move(x), [&](const Tensor& part, const Window&) {
      return eigen::conv2d(part, weight, zeros(w.rows()), 1, 0);
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

  static void set_normalising(const Parameter&, const Parameter&, const Tensor&, double) {}

  // Networks.
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
    Base::by_stretches(long(x.values().cols()), 4 * channels, [&](long p) {
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

  // Small matrices, in double.
  static PerSample log_abs_det(const Matrix& w) { return {Vector::Constant(1, T(lu(w).log_abs_det()))}; }
  static Matrix inverse(const Matrix& w) { return square(lu(w).inverse(), w.rows()); }
  /// The product of the reflections 1 - 2 v v^T / v^T v of the rows v of a parameter.
  static Matrix reflections(const Parameter& vectors) {
    const long count = vectors.size(0), size = vectors.size(1);
    std::vector<double> product(std::size_t(size * size));
    const auto at = [&](long i, long j) -> double& { return product[std::size_t(i * size + j)]; };
    for (long i = 0; i < size; ++i) at(i, i) = 1;
    for (long k = 0; k < count; ++k) {
      const T* const v = vectors.values().data() + k * size;
      double square = 0;
      for (long j = 0; j < size; ++j) square += double(v[j]) * double(v[j]);
      for (long i = 0; i < size; ++i) {
        double along = 0;
        for (long j = 0; j < size; ++j) along += at(i, j) * double(v[j]);
        for (long j = 0; j < size; ++j) at(i, j) -= 2 * along / square * double(v[j]);
      }
    }
    return square(product, size);
  }
  static Matrix transposed(const Matrix& m) { return m.transpose(); }
  static Matrix plu_product(const Matrix& permutation, const Matrix& lower, const Matrix& upper,
                            const Vector& diagonal) {
    Matrix u = upper.template triangularView<Eigen::StrictlyUpper>();
    u.diagonal() = diagonal.matrix();
    return permutation * (lower.template triangularView<Eigen::UnitLower>() * u);
  }

  /// scale * noise (core/noise.hpp).
  template <class Like>
  static Tensor noise(const NoiseRows& rows, Stream stream, int level, Distribution distribution,
                      double scale, const std::array<long, 4>& s, const Like&) {
    Tensor x(s[0], s[2], s[3], typename Tensor::Values(s[1], s[0] * s[2] * s[3]));
    T* const to = x.own().data();
    constexpr long piece = 4096;
    const long channels = s[1], area = x.area(), per_row = channels * area,
               pieces = (per_row + piece - 1) / piece;
    parallel_for(x.n * pieces, 100.0 * double(x.n * per_row), [&](long task) {
      const long n = task / pieces, first = task % pieces * piece, count = std::min(piece, per_row - first);
      std::array<double, piece> values;
      rows.key(n, stream, level)
          .fill(values.data(), std::size_t(count), distribution, scale, std::uint32_t(first / 2));
      for (long i = 0; i < count; ++i) {
        const long channel = (first + i) / area, pixel = (first + i) % area;
        to[(n * area + pixel) * channels + channel] = T(values[std::size_t(i)]);
      }
    });
    return x;
  }

  /// From and to numbers in (sample, channel, row, column) order.
  template <class Like>
  static Tensor from_host(const std::vector<double>& values, const std::array<long, 4>& s, const Like&) {
    expect_numbers(s[0] * s[1] * s[2] * s[3], long(values.size()));
    Tensor x(s[0], s[2], s[3], typename Tensor::Values(s[1], s[0] * s[2] * s[3]));
    auto& to = x.own();
    for (long n = 0; n < s[0]; ++n)
      for (long c = 0; c < s[1]; ++c)
        for (long p = 0; p < x.area(); ++p)
          to(c, n * x.area() + p) = T(values[std::size_t((n * s[1] + c) * x.area() + p)]);
    return x;
  }
  static std::vector<double> to_host(const Tensor& x) {
    std::vector<double> values;
    values.reserve(std::size_t(x.values().size()));
    for (long n = 0; n < x.n; ++n)
      for (long c = 0; c < x.channels(); ++c)
        for (long p = 0; p < x.area(); ++p) values.push_back(double(x.values()(c, n * x.area() + p)));
    return values;
  }
  static PerSample constant(double value, const Tensor&) { return {Vector::Constant(1, T(value))}; }
  static bool all_integers_within(const Tensor& x, double low, double high) {
    return all(x,
               [low = T(low), high = T(high)](T v) { return v >= low && v <= high && v == std::floor(v); });
  }
  static bool all_finite(const Tensor& x) {
    return all(x, [](T v) { return std::isfinite(v); });
  }
  static bool all_finite(const PerSample& p) { return p.values.isFinite().all(); }

  template <class Visit>
  static void for_each_parameter(const Module& module, const Visit& visit) {
    module.for_each(visit);
  }
  static io::DType dtype(const Parameter&) { return sizeof(T) == 8 ? io::DType::f64 : io::DType::f32; }
  static std::vector<long> sizes(const Parameter& p) { return p.state->sizes; }
  /// Numbers for a parameter: fill(first, count, to) writes some of them, in row-major order, from any thread;
  /// and the parameter's to be these.
  template <class Fill>
  static Numbers numbers(const Parameter& p, const Fill& fill) {
    const long all = count(p), parts = std::clamp(all / 100'000, 1L, 4L * threads());
    Vector row_major(all);
    parallel_for(parts, double(all), [&](long part) {
      const long first = part * all / parts;
      fill(first, (part + 1) * all / parts - first, row_major.data() + first);
    });
    if (p.is_weight()) return {.array = {}, .weight = eigen::ConvWeight<T>(p.state->sizes, row_major.data())};
    return {.array = std::move(row_major), .weight = {}};
  }
  static void assign(const Parameter& p, Numbers numbers) { p.assign(std::move(numbers)); }
  static void assign(const Parameter& p, const std::vector<double>& values) {
    expect_numbers(count(p), long(values.size()));
    assign(p, numbers(p, HostNumbers{values}));
  }
  static std::vector<double> to_host(const Parameter& p) {
    if (p.is_weight()) return p.weight().to_host();
    return {p.values().begin(), p.values().end()};
  }
  static std::vector<double> to_host(const PerSample& p) {
    return {p.values.data(), p.values.data() + p.values.size()};
  }

  static Tensor like(Tensor x, const Parameter&) { return x; }
  static void place(Module&, const Placement&) {}

 private:
  /// Of x's pixels, with other channels: fill(pixel, its channels) writes them.
  template <class Fill>
  static Tensor pixels(const Tensor& x, long channels, const Fill& fill) {
    Tensor y(x.n, x.h, x.w, typename Tensor::Values(channels, x.values().cols()));
    T* const to = y.own().data();
    Base::by_stretches(long(x.values().cols()), channels, [&](long p) { fill(p, to + p * channels); });
    return y;
  }
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
  static long count(const Parameter& p) {
    long n = 1;
    for (const long size : p.state->sizes) n *= size;
    return n;
  }
  static Vector zeros(long size) {
    Vector v(size);
    std::fill_n(v.data(), size, T(0));
    return v;
  }
  static Matrix square(const std::vector<double>& row_major, long size) {
    Matrix m(size, size);
    for (long i = 0; i < m.size(); ++i) m.data()[i] = T(row_major[std::size_t(i)]);
    return m;
  }
  static Lu lu(const Matrix& w) { return {{w.data(), w.data() + w.size()}, int(w.rows())}; }
  static Tensor repeated(const Tensor& x, long n) {
    return x.n == n ? x : Images<T>::repeat_samples(x, n / x.n);
  }
};

}  // namespace cnf::eigen
