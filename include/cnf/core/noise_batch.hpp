// Noise as a batch of tensors.
#pragma once

#include "cnf/core/batch.hpp"
#include "cnf/core/noise_rows.hpp"

namespace cnf {

/// scale * noise of the given sizes (N, C, H, W), in the precision and on the device of `like`.
template <class B, class Like>
typename B::Tensor noise_batch(const NoiseRows& rows, Stream stream, int level, Distribution distribution,
                               double scale, const std::array<long, 4>& sizes, const Like& like) {
  if constexpr (requires { B::noise(rows, stream, level, distribution, scale, sizes, like); }) {
    return B::noise(rows, stream, level, distribution, scale, sizes, like);
  } else {
    const auto per_row = std::size_t(sizes[1] * sizes[2] * sizes[3]);
    std::vector<double> values(per_row * std::size_t(sizes[0]));
    for (long r = 0; r < sizes[0]; ++r)
      rows.key(r, stream, level).fill(values.data() + std::size_t(r) * per_row, per_row, distribution, scale);
    return B::from_host(values, sizes, like);
  }
}

/// (N, C, H, W).
template <class B>
std::array<long, 4> sizes_of(const typename B::Tensor& x) {
  return {B::samples(x), B::channels(x), B::height(x), B::width(x)};
}

}  // namespace cnf
