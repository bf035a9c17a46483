// Counter-based noise: every number is a pure function of (seed, stream, input, draw, level, element).
//
// Philox4x32-10 (Salmon et al., Parallel Random Numbers: As Easy as 1, 2, 3, 2011) turns the key into 128
// bits; two uniforms in (0, 1) or, by Box and Muller, two standard normals come from each block. There is no
// state, so samples don't depend on batch size, threads, backend or device; `element` counts (channel, row,
// column) in that order, whatever the layout of the tensor.
#pragma once

#include <array>
#include <cmath>
#include <cstdint>
#include <numbers>
#include <vector>

namespace cnf {

namespace detail {

constexpr std::array<std::uint32_t, 4> philox(std::array<std::uint32_t, 4> c, std::uint32_t k0,
                                              std::uint32_t k1) {
  for (int round = 0; round < 10; ++round) {
    const std::uint64_t p0 = std::uint64_t{0xD2511F53u} * c[0];
    const std::uint64_t p1 = std::uint64_t{0xCD9E8D57u} * c[2];
    c = {std::uint32_t(p1 >> 32) ^ c[1] ^ k0, std::uint32_t(p1), std::uint32_t(p0 >> 32) ^ c[3] ^ k1,
         std::uint32_t(p0)};
    k0 += 0x9E3779B9u;
    k1 += 0xBB67AE85u;
  }
  return c;
}

/// 64 bits to a double in (0, 1), both ends excluded.
constexpr double unit_interval(std::uint32_t high, std::uint32_t low) {
  const std::uint64_t bits = (std::uint64_t{high} << 32 | low) >> 12;
  return (double(bits) + 0.5) * 0x1p-52;
}

}  // namespace detail

/// What a number is for: streams of one seed are independent of each other.
enum class Stream : std::uint32_t { latents = 0, dequantization = 1, parameters = 2, user = 3 };

/// Of noise: uniform on (0, 1), standard normal, standard logistic.
enum class Distribution { uniform, normal, logistic };

/// What a number is a function of.
struct NoiseKey {
  /// Of the whole run.
  std::uint64_t seed = 0;
  /// What the noise is for.
  Stream stream = Stream::user;
  /// Which input.
  std::uint32_t input = 0;
  /// Which draw for that input.
  std::uint32_t draw = 0;
  /// Which level of latents.
  std::uint32_t level = 0;

  /// Elements 2 * block and 2 * block + 1, uniform on (0, 1).
  constexpr std::array<double, 2> uniform_pair(std::uint32_t block) const {
    const auto r = detail::philox({block, input, draw, level << 8 | std::uint32_t(stream)},
                                  std::uint32_t(seed), std::uint32_t(seed >> 32));
    return {detail::unit_interval(r[0], r[1]), detail::unit_interval(r[2], r[3])};
  }

  /// Two numbers of a block.
  std::array<double, 2> pair(std::uint32_t block, Distribution distribution) const {
    auto u = uniform_pair(block);
    if (distribution == Distribution::normal) {
      const double radius = std::sqrt(-2 * std::log(u[0])), angle = 2 * std::numbers::pi * u[1];
      u = {radius * std::cos(angle), radius * std::sin(angle)};
    } else if (distribution == Distribution::logistic) {
      for (auto& x : u) x = std::log(x) - std::log1p(-x);
    }
    return u;
  }

  /// Writes scale * noise for `count` elements of one sample, the first of which is 2 * first_block.
  template <class T>
  void fill(T* out, std::size_t count, Distribution distribution, double scale = 1,
            std::uint32_t first_block = 0) const {
    for (std::size_t i = 0; i < count; i += 2) {
      const auto two = pair(first_block + std::uint32_t(i / 2), distribution);
      out[i] = T(scale * two[0]);
      if (i + 1 < count) out[i + 1] = T(scale * two[1]);
    }
  }
};

}  // namespace cnf
