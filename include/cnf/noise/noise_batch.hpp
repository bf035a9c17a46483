// Noise as a batch of tensors.
#pragma once

#include "cnf/core/batch.hpp"
#include "cnf/noise/noise_rows.hpp"

namespace cnf {

/// scale * noise of the given sizes (N, C, H, W), in the precision and on the device of `like`.
template <class B, class Like>
typename B::Tensor noise_batch(const NoiseRows& rows, Stream stream, int level, Distribution distribution,
                               double scale, const std::array<long, 4>& sizes, const Like& like) {
  return B::noise(rows, stream, level, distribution, scale, sizes, like);
}

/// (N, C, H, W).
template <class B>
std::array<long, 4> sizes_of(const typename B::Tensor& x) {
  return {B::samples(x), B::channels(x), B::height(x), B::width(x)};
}

}  // namespace cnf
