// The discretized logistic of integers k = 0 .. 2^Bits - 1 (Salimans et al., PixelCNN++, 2017, section 2.1),
// with bins that tile the line: centre k / 2^Bits, half-width h = 2^-(Bits+1), the first and the last bin
// open.
//
//   P(k) = sig((y + h - mu) / s) - sig((y - h - mu) / s),   y = k / 2^Bits,   sum_k P(k) = 1
//
// computed in log space: log P = log sig(a) + log sig(-b) + log(-expm1(b - a)) inside, log sig(a) at 0, log
// sig(-b) at the top. Nats.
#pragma once

#include <string>

namespace cnf {

/// log P(k) for every element; k, mu and log_s have the same size.
template <class B, int Bits = 8>
typename B::Tensor discretized_logistic_log_prob(const typename B::Tensor& k, const typename B::Tensor& mu,
                                                 const typename B::Tensor& log_s) {
  constexpr double levels = 1 << Bits, half = 0.5 / levels;
  const auto inverse_s = B::exp(-log_s);
  const auto centred = k * (1 / levels) - mu;
  const auto below_upper_edge = -B::softplus(-((centred + half) * inverse_s));  // log sig(a)
  const auto above_lower_edge = -B::softplus((centred - half) * inverse_s);     // log sig(-b)
  const auto inside = below_upper_edge + above_lower_edge + B::log1m_exp(inverse_s * (-2 * half));
  return B::where_at_most(k, 0, below_upper_edge, B::where_at_least(k, levels - 1, above_lower_edge, inside));
}

}  // namespace cnf
