// The Eigen backend: likelihood and sampling in float or double without LibTorch. No gradients, no training;
// in double it is the oracle of the tests. Operations are those of backend/libtorch/backend.hpp, with the
// same meaning.
#pragma once

#include <algorithm>
#include <array>
#include <utility>
#include <vector>

#include "cnf/backend/eigen/arithmetic.hpp"
#include "cnf/backend/eigen/channels.hpp"
#include "cnf/backend/eigen/images.hpp"
#include "cnf/backend/eigen/networks.hpp"
#include "cnf/backend/eigen/parameters.hpp"
#include "cnf/backend/eigen/small_matrix.hpp"
#include "cnf/backend/eigen/transforms.hpp"
#include "cnf/backend/host_numbers.hpp"
#include "cnf/noise/noise_rows.hpp"

namespace cnf::eigen {

template <class T = float>
struct Backend : Parameters<T>,
                 Arithmetic<T>,
                 Channels<T>,
                 Images<T>,
                 Networks<T>,
                 SmallMatrices<T>,
                 Transforms<T> {
  using Tensor = eigen::Tensor<T>;
  using Parameter = eigen::Parameter<T>;
  using PerSample = eigen::PerSample<T>;
  using Module = eigen::Module<T>;
  using Vector = eigen::Vector<T>;
  using Matrix = eigen::Matrix<T>;
  /// In which networks compute.
  using Precision = typename Networks<T>::Precision;

  struct Placement {};
  static Precision networks(const Placement&) { return {}; }
  static void place(Module&, const Placement&) {}
  static Tensor like(Tensor x, const Parameter&) { return x; }

  /// There are none here.
  struct NoGradients {
    NoGradients() {}
  };
  static void set_normalising(const Parameter&, const Parameter&, const Tensor&, double) {}

  /// scale * noise (noise/noise.hpp).
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
  using Parameters<T>::to_host;
  static std::vector<double> to_host(const PerSample& p) {
    return {p.values.data(), p.values.data() + p.values.size()};
  }
};

}  // namespace cnf::eigen
