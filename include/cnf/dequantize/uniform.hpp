// Uniform dequantization of integers 0 .. 2^Bits - 1 (Theis et al., 2016): v = (y + u) / 2^Bits, u uniform on
// [0, 1).
//
//   log P(y|x) >= E[log p(v|x)] - D Bits log 2   nats,   D = C H W
//
// A value outside the alphabet: Error. Decoding: y = floor(2^Bits v), clamped to the alphabet. Uniform<1> on
// masks is the paper's ablation "CNF uniform".
#pragma once

#include <numbers>

#include "cnf/dequantize/bins.hpp"

namespace cnf {

template <int Bits>
struct Uniform {
  static_assert(Bits >= 1 && Bits <= 16, "cnf: Uniform<Bits> dequantizes integers of 1 to 16 bits");

  static std::string describe() { return "Uniform<" + std::to_string(Bits) + ">"; }
  static constexpr Likelihood likelihood = Likelihood::bound;
  static constexpr int levels = 1 << Bits;

  template <class Target, class F>
  using On = Elementwise<Target>;

  template <class B, class Target, class F>
  struct Bound {
    explicit Bound(Scope<B>) {}

    Dequantized<B, Target> dequantize(const Batch<B, Target>& given, const Maps<B, F>&,
                                      const NoiseRows& rows) const {
      const Batch<B, Target> y(in_alphabet<B>(given.data, levels));
      auto u = noise_batch<B>(rows, Stream::dequantization, 0, Distribution::uniform, 1, sizes_of<B>(y.data),
                              y.data);
      const double dimensions = double(Target::channels) * double(y.area());
      return {Batch<B, Target>(by_bands<B>(std::move(u),
                                           [&](const auto& part, const Window& window) {
                                             return detail::placed_in_bin<B>(B::window(y.data, window), part,
                                                                             levels);
                                           })),
              B::constant(-dimensions * Bits * std::numbers::ln2, y.data)};
    }

    Batch<B, Target> quantize(Batch<B, Target> v) const {
      return Batch<B, Target>(by_bands<B>(std::move(v.data), [](const auto& part, const Window&) {
        return detail::bin_of<B>(part, levels);
      }));
    }
  };
};

}  // namespace cnf
