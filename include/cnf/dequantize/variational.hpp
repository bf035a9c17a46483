// Variational dequantization of integers 0 .. 2^Bits - 1 (Ho et al., Flow++, 2019): the offset in the bin is
// drawn by a flow.
//
//   v = (y + sig(u)) / 2^Bits,   u = g(e; y, h)
//   log P(y|x) >= E[log p(v|x) - log q(v|y, x)]   nats,
//   log q(v) = log q(u) + sum (softplus(u) + softplus(-u)) + D Bits log 2
//
//   Variational<8, NoiseFlow>                           D = C H W; e standard normal
//   Variational<8, NoiseFlow, Distribution::logistic>   with g = identity: uniform dequantization
//
// Decoding: y = floor(2^Bits v), clamped to the alphabet. A value outside the alphabet: Error. What a noise
// flow is and sees: noise_flow.hpp.
#pragma once

#include <numbers>

#include "cnf/dequantize/bins.hpp"
#include "cnf/dequantize/noise_flow.hpp"

namespace cnf {

template <int Bits, class NoiseFlow, Distribution Base = Distribution::normal>
struct Variational {
  static_assert(Bits >= 1 && Bits <= 16, "cnf: Variational<Bits, ...> dequantizes integers of 1 to 16 bits");

  static std::string describe() {
    return "Variational<" + std::to_string(Bits) + ", " + detail::described_noise<NoiseFlow, Base>() + ">";
  }
  static constexpr Likelihood likelihood = Likelihood::bound;
  static constexpr int levels = 1 << Bits;

  template <class Target, class F>
  using On = detail::NoiseFlowOn<NoiseFlow, Target, F>;

  template <class B, class Target, class F>
  struct Bound : detail::BoundNoiseFlow<B, NoiseFlow, Base, Target, F> {
    using NoiseSource = detail::BoundNoiseFlow<B, NoiseFlow, Base, Target, F>;
    using NoiseSource::NoiseSource;

    Dequantized<B, Target> dequantize(const Batch<B, Target>& given, const Maps<B, F>& features,
                                      const NoiseRows& rows) const {
      const Batch<B, Target> y(in_alphabet<B>(given.data, levels));
      return dequantize_with(NoiseSource::base(y.data, rows), y, features);
    }

    /// The same for given base noise e.
    Dequantized<B, Target> dequantize_with(const typename B::Tensor& e, const Batch<B, Target>& y,
                                           const Maps<B, F>& features) const {
      const auto noise = NoiseSource::from_base(e, y.data * (2.0 / (levels - 1)) - 1.0, features);
      const auto log_offset = -B::softplus(-noise.u);  // log sig(u)
      const double dimensions = double(Target::channels) * double(y.area());
      return {Batch<B, Target>(detail::placed_in_bin<B>(y.data, B::exp(log_offset), levels)),
              noise.minus_log_q + B::sum(log_offset - B::softplus(noise.u)) -
                  dimensions * Bits * std::numbers::ln2};
    }

    Batch<B, Target> quantize(const Batch<B, Target>& v) const {
      return Batch<B, Target>(detail::bin_of<B>(v.data, levels));
    }
  };
};

}  // namespace cnf
