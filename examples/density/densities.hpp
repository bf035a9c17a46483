// Densities that are formulas: samples, log-densities in nats, for flows to be measured against.
//
//   two moons       two half circles of radius 1, normal noise of deviation 0.1
//   rings           circles of radius 1, 2 and 3, radial noise of deviation 0.1
//   checkerboard    uniform on every other square of side 2 of [-4, 4]^2: entropy log 32
//   pinwheel        five arms: a normal density at radius 2, turned by 1.5 radians a unit of radius (which keeps areas)
//   8 Gaussians     on a circle of radius 2, deviation 0.2
//   mixture of D    5 Gaussians with random means, axes and deviations
//
// Draws are a function of the seed. Points: (n, D, 1, 1), double.
#pragma once

#include <ATen/ATen.h>

#include <cmath>
#include <cstdint>
#include <functional>
#include <numbers>
#include <string>
#include <vector>

#include "cnf/libtorch.hpp"

namespace density {

struct Density {
  std::string name;
  int dimensions;
  std::function<at::Tensor(long n, std::uint64_t seed)> sample;
  std::function<at::Tensor(const at::Tensor& points)> log_density;  // (n)
  /// (n), numbers whose mean is the entropy, nats; empty: -log_density.
  std::function<at::Tensor(const at::Tensor& points)> information = {};
};

/// n numbers of a stream of a seed.
inline at::Tensor numbers(long n, std::uint64_t seed, int stream, cnf::Distribution kind, long columns = 1) {
  return cnf::libtorch::noise({.seed = seed}, cnf::Stream::user, stream, kind, 1, {n, columns, 1, 1},
                              at::kDouble)
      .flatten(1);
}
/// Integers 0 .. count - 1.
inline at::Tensor choices(long n, std::uint64_t seed, int stream, int count) {
  return (numbers(n, seed, stream, cnf::Distribution::uniform) * count).floor();
}
inline at::Tensor points(const at::Tensor& x, const at::Tensor& y) {
  return at::stack({x, y}, 1).view({-1, 2, 1, 1});
}
inline at::Tensor log_gaussian(const at::Tensor& x, double deviation) {
  return -0.5 * (x / deviation).square() - std::log(deviation) - 0.5 * std::log(2 * std::numbers::pi);
}

inline Density two_moons(double deviation = 0.1) {
  constexpr double pi = std::numbers::pi;
  /// (x, y) on the upper or the lower arc, for angles 0 .. pi.
  static const auto arc = [](const at::Tensor& angle, const at::Tensor& lower) {
    return std::pair(at::where(lower, 1 - angle.cos(), angle.cos()),
                     at::where(lower, 0.5 - angle.sin(), angle.sin()));
  };
  return {
      "two moons", 2,
      [=](long n, std::uint64_t seed) {
        const auto angle = pi * numbers(n, seed, 0, cnf::Distribution::uniform).flatten();
        const auto e = deviation * numbers(n, seed, 2, cnf::Distribution::normal, 2);
        const auto [x, y] = arc(angle, choices(n, seed, 1, 2).flatten() > 0.5);
        return points(x + e.select(1, 0), y + e.select(1, 1));
      },
      [=](const at::Tensor& p) {  // the integral over the angle, at points much closer than the noise is wide
        const long steps = 400;
        const auto angle = (at::arange(steps, at::kDouble) + 0.5) * (pi / double(steps));
        std::vector<at::Tensor> all;
        for (const auto& part : p.flatten(1).split(10'000))
          for (const bool is_lower : {false, true}) {
            const auto [x, y] = arc(angle, at::full({steps}, is_lower, at::kBool));
            all.push_back((log_gaussian(part.narrow(1, 0, 1) - x, deviation) +
                           log_gaussian(part.narrow(1, 1, 1) - y, deviation))
                              .logsumexp(1));
          }
        std::vector<at::Tensor> sums;
        for (std::size_t i = 0; i < all.size(); i += 2) sums.push_back(at::logaddexp(all[i], all[i + 1]));
        return at::cat(sums) - std::log(2.0 * double(steps));
      }};
}

inline Density rings(double deviation = 0.1) {
  return {"rings", 2,
          [=](long n, std::uint64_t seed) {
            const auto angle =
                2 * std::numbers::pi * numbers(n, seed, 0, cnf::Distribution::uniform).flatten();
            const auto radius = 1 + choices(n, seed, 1, 3).flatten() +
                                deviation * numbers(n, seed, 2, cnf::Distribution::normal).flatten();
            return points(radius * angle.cos(), radius * angle.sin());
          },
          [=](const at::Tensor& p) {
            const auto radius = p.flatten(1).norm(2, 1);
            const auto each = radius.unsqueeze(1) - at::tensor({1.0, 2.0, 3.0}, at::kDouble);
            return log_gaussian(each, deviation).logsumexp(1) - std::log(3.0) -
                   at::log(2 * std::numbers::pi * radius);
          }};
}

inline Density checkerboard() {
  return {"checkerboard", 2,
          [](long n, std::uint64_t seed) {
            const auto u = 2 * numbers(n, seed, 0, cnf::Distribution::uniform, 2);
            const auto row = choices(n, seed, 1, 4).flatten(), half = choices(n, seed, 2, 2).flatten();
            const auto column = 2 * half + row.remainder(2);
            return points(u.select(1, 0) + 2 * column - 4, u.select(1, 1) + 2 * row - 4);
          },
          [](const at::Tensor& p) {
            const auto cell = ((p.flatten(1) + 4) / 2).floor();
            const auto inside = (cell.ge(0) & cell.le(3)).all(1) & cell.sum(1).remainder(2).eq(0);
            return at::where(inside, at::full({}, -std::log(32.0), at::kDouble),
                             at::full({}, -1e300, at::kDouble));
          }};
}

inline Density pinwheel() {
  constexpr int arms = 5;
  constexpr double middle = 2, along = 0.6, across = 0.15, rate = 1.5;
  return {"pinwheel", 2,
          [=](long n, std::uint64_t seed) {
            const auto e = numbers(n, seed, 0, cnf::Distribution::normal, 2);
            const auto u = middle + along * e.select(1, 0), v = across * e.select(1, 1);
            const auto angle = choices(n, seed, 1, arms).flatten() * (2 * std::numbers::pi / arms) +
                               rate * (u.square() + v.square()).sqrt();
            return points(angle.cos() * u - angle.sin() * v, angle.sin() * u + angle.cos() * v);
          },
          [=](const at::Tensor& p) {
            const auto x = p.flatten(1).select(1, 0), y = p.flatten(1).select(1, 1);
            std::vector<at::Tensor> each;
            for (int k = 0; k < arms; ++k) {
              const auto angle = k * (2 * std::numbers::pi / arms) + rate * (x.square() + y.square()).sqrt();
              each.push_back(log_gaussian(angle.cos() * x + angle.sin() * y - middle, along) +
                             log_gaussian(angle.cos() * y - angle.sin() * x, across));
            }
            return at::stack(each, 1).logsumexp(1) - std::log(double(arms));
          }};
}

inline Density eight_gaussians(double deviation = 0.2) {
  const auto angle = at::arange(8, at::kDouble) * (std::numbers::pi / 4);
  const auto x = 2 * angle.cos(), y = 2 * angle.sin();
  return {"8 Gaussians", 2,
          [=](long n, std::uint64_t seed) {
            const auto which = choices(n, seed, 0, 8).flatten().to(at::kLong);
            const auto e = deviation * numbers(n, seed, 1, cnf::Distribution::normal, 2);
            return points(x.index_select(0, which) + e.select(1, 0),
                          y.index_select(0, which) + e.select(1, 1));
          },
          [=](const at::Tensor& p) {
            const auto all = p.flatten(1);
            return (log_gaussian(all.narrow(1, 0, 1) - x, deviation) +
                    log_gaussian(all.narrow(1, 1, 1) - y, deviation))
                       .logsumexp(1) -
                   std::log(8.0);
          }};
}

inline Density mixture(int dimensions, int components = 5) {
  std::vector<at::Tensor> means, axes, log_deviations;
  for (int k = 0; k < components; ++k) {
    const auto seed = std::uint64_t(100 * dimensions + k);
    means.push_back(2 * numbers(1, seed, 0, cnf::Distribution::normal, dimensions).flatten());
    log_deviations.push_back(0.5 * numbers(1, seed, 1, cnf::Distribution::normal, dimensions).flatten());
    const auto rotation = cnf::initial::random_rotation(dimensions, {.seed = seed});
    axes.push_back(at::tensor(rotation, at::kDouble).view({dimensions, dimensions}));
  }
  const auto mean = at::stack(means), log_deviation = at::stack(log_deviations), axis = at::stack(axes);
  /// log p(x | component), (components, n).
  const auto each = [=](const at::Tensor& p) {
    const auto along = at::matmul((p.flatten(1).unsqueeze(0) - mean.unsqueeze(1)), axis.transpose(1, 2));
    return -0.5 * (along * at::exp(-log_deviation).unsqueeze(1)).square().sum(2) -
           log_deviation.sum(1, true) - 0.5 * dimensions * std::log(2 * std::numbers::pi);
  };
  return {
      "mixture of " + std::to_string(dimensions), dimensions,
      [=](long n, std::uint64_t seed) {
        const auto which = choices(n, seed, 0, components).flatten().to(at::kLong);
        const auto e = numbers(n, seed, 1, cnf::Distribution::normal, dimensions) *
                       log_deviation.exp().index_select(0, which);
        return (mean.index_select(0, which) + at::bmm(e.unsqueeze(1), axis.index_select(0, which)).squeeze(1))
            .view({n, dimensions, 1, 1});
      },
      [=](const at::Tensor& p) { return each(p).logsumexp(0) - std::log(double(components)); },
      // H(X) = H(X | K) + H(K) - H(K | X): the first two are known, the third is small, and so is its noise
      [=](const at::Tensor& p) {
        const double known = log_deviation.sum(1).mean().item<double>() +
                             0.5 * dimensions * std::log(2 * std::numbers::pi * std::numbers::e) +
                             std::log(double(components));
        const auto log_share = at::log_softmax(each(p), 0);
        return known + (log_share.exp() * log_share).sum(0);
      }};
}

inline std::vector<Density> all() {
  return {two_moons(),       rings(),    checkerboard(), pinwheel(),
          eight_gaussians(), mixture(6), mixture(21),    mixture(63)};
}

/// A mean, and its standard error.
struct Estimate {
  double mean, error;
};
inline Estimate estimate(const at::Tensor& values) {
  const auto v = values.to(at::kDouble);
  return {v.mean().item<double>(), v.std().item<double>() / std::sqrt(double(v.numel()))};
}
/// By n draws, nats.
inline Estimate entropy(const Density& d, long n = 100'000) {
  const auto x = d.sample(n, 1);
  return estimate(d.information ? d.information(x) : -d.log_density(x));
}

}  // namespace density
