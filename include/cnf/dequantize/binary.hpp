// Binary dequantization with half-infinite noise (Winkler et al., 2019, eq. 8), for masks y of 0 and 1.
//
//   v = sign softplus(u),   sign = 2y - 1,   u = g(e; y, h) + Margin
//   log P(y|x) >= E[log p(v|x) - log q(v|y, x)]   nats,
//   log q(v) = log p(e) - log|det dg/de| + sum softplus(-u)
//
// (v is the paper's less 1/2: float is exact around zero.)
//
//   Binary<NoiseFlow>                           e standard normal: the paper's, and tighter once g is trained
//   Binary<NoiseFlow, Distribution::logistic>   softplus(e) is then exactly Exponential(1), and importance
//                                               weights of a fixed or weak g stay bounded
//   Binary<NoiseFlow, Distribution::normal, 4>  v of a new model lies 4 deviations from 0 and not at it, so that what is
//                                               certain stays on its side in samples: fewer specks, the same bits.
//                                               g can learn any margin, but from 0 it does so slowly: a leak costs little
//
// The two half-lines tile the line, so nothing else is added. Decoding: y = 1 where v > 0. A value outside
// {0, 1}: Error. What a noise flow is and sees: noise_flow.hpp.
#pragma once

#include <limits>
#include <string>

#include "cnf/dequantize/noise_flow.hpp"

namespace cnf {

template <class NoiseFlow, Distribution Base = Distribution::normal, int Margin = 0>
struct Binary {
  static std::string describe() {
    return "Binary<" + detail::described_noise<NoiseFlow, Base>() +
           (Margin == 0 ? "" : ", margin " + std::to_string(Margin)) + ">";
  }
  static constexpr Likelihood likelihood = Likelihood::bound;

  template <class Target, class F>
  using On = detail::NoiseFlowOn<NoiseFlow, Target, F>;

  template <class B, class Target, class F>
  struct Bound : detail::BoundNoiseFlow<B, NoiseFlow, Base, Target, F> {
    using NoiseSource = detail::BoundNoiseFlow<B, NoiseFlow, Base, Target, F>;
    using NoiseSource::NoiseSource;

    Dequantized<B, Target> dequantize(const Batch<B, Target>& given, const Maps<B, F>& features,
                                      const NoiseRows& rows) const {
      const Batch<B, Target> y(in_alphabet<B>(given.data, 2));
      return dequantize_with(NoiseSource::base(y.data, rows), y, features);
    }

    /// The same for given base noise e.
    Dequantized<B, Target> dequantize_with(const typename B::Tensor& e, const Batch<B, Target>& y,
                                           const Maps<B, F>& features) const {
      const auto sign = y.data * 2.0 - 1.0;
      auto noise = NoiseSource::from_base(e, sign, features);
      if constexpr (Margin != 0) noise.u = noise.u + double(Margin);
      // softplus(u) of a u below -100 would be 0, on no side
      const auto size = B::clamp(B::softplus(noise.u), 1e-30, std::numeric_limits<double>::infinity());
      return {Batch<B, Target>(sign * size), noise.minus_log_q - B::sum(B::softplus(-noise.u))};
    }

    Batch<B, Target> quantize(const Batch<B, Target>& v) const {
      const auto zero = v.data - v.data;  // NaN where v is not finite
      return Batch<B, Target>(B::where_at_most(v.data, 0, zero, zero + 1.0));
    }
  };
};

}  // namespace cnf
