// What dequantizers of integers 0 .. 2^Bits - 1 share: y and an offset r in [0, 1) become v = (y + r) /
// 2^Bits, and back.
#pragma once

#include "cnf/dequantize/continuous.hpp"

namespace cnf::detail {

/// v = (y + r) / levels. Where y + r rounds up to the next bin (in float, for one in 130,000 values near
/// 255), r is 0.
template <class B>
typename B::Tensor placed_in_bin(const typename B::Tensor& y, const typename B::Tensor& r, int levels) {
  const auto position = y + r;
  return B::where_at_least(position - y, 1, y, position) * (1.0 / levels);
}

/// y = floor(levels v), clamped; v - v: what is not finite becomes NaN instead of an end of the alphabet.
template <class B>
typename B::Tensor bin_of(const typename B::Tensor& v, int levels) {
  return B::clamp(B::floor(v * double(levels)), 0, levels - 1) + (v - v);
}

}  // namespace cnf::detail
