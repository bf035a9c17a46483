// Uniform dequantization of integers 0 .. 2^Bits - 1 (Theis et al., 2016): v = (y + u) / 2^Bits, u uniform on
// [0, 1).
//
//   log P(y|x) >= E[log p(v|x)] - D Bits log 2   nats,   D = C H W
//
// A value outside the alphabet: Error. Decoding: y = floor(2^Bits v), clamped to the alphabet.
#pragma once

#include <numbers>

#include "cnf/dequantize/continuous.hpp"

namespace cnf {

template <int Bits>
struct Uniform {
  static_assert(Bits >= 1 && Bits <= 16, "cnf: Uniform<Bits> dequantizes integers of 1 to 16 bits");

  static std::string describe() { return "Uniform<" + std::to_string(Bits) + ">"; }
  static constexpr Likelihood likelihood = Likelihood::bound;
  static constexpr int levels = 1 << Bits;

  template <class B, class Target, class F>
  struct Bound {
    explicit Bound(Scope<B>) {}

    Dequantized<B, Target> dequantize(const Batch<B, Target>& y, const Maps<B, F>&,
                                      const NoiseRows& rows) const {
      check_alphabet<B>(y.data, levels);
      const auto u = noise_batch<B>(rows, Stream::dequantization, 0, Distribution::uniform, 1,
                                    sizes_of<B>(y.data), y.data);
      const double dimensions = double(Target::channels) * double(y.area());
      const auto position = y.data + u;
      // Where y + u rounds up to the next bin (in float, for one in 130,000 values near 255), u is 0.
      const auto inside = B::where_at_least(position - y.data, 1, y.data, position);
      return {Batch<B, Target>(inside * (1.0 / levels)),
              B::constant(-dimensions * Bits * std::numbers::ln2, y.data)};
    }

    Batch<B, Target> quantize(const Batch<B, Target>& v) const {
      // v - v: what is not finite becomes NaN instead of an end of the alphabet
      return Batch<B, Target>(B::clamp(B::floor(v.data * double(levels)), 0, levels - 1) + (v.data - v.data));
    }
  };
};

}  // namespace cnf
