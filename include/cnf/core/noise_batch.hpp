// Noise as a batch of tensors: row r belongs to input `first_input + r / draws` and is its draw number
// `first_draw + r % draws`.
#pragma once

#include "cnf/core/batch.hpp"
#include "cnf/core/noise.hpp"

namespace cnf {

struct NoiseRows {
  std::uint64_t seed = 0;
  long draws = 1;
  long first_input = 0;
  long first_draw = 0;
};

/// scale * noise of the given sizes (N, C, H, W), in the precision and on the device of `like`.
template <class B, class Like>
typename B::Tensor noise_batch(const NoiseRows& rows, Stream stream, int level, Distribution distribution,
                               double scale, const std::array<long, 4>& sizes, const Like& like) {
  const auto per_row = std::size_t(sizes[1] * sizes[2] * sizes[3]);
  std::vector<double> values(per_row * std::size_t(sizes[0]));
  for (long r = 0; r < sizes[0]; ++r)
    NoiseKey{.seed = rows.seed,
             .stream = stream,
             .input = std::uint32_t(rows.first_input + r / rows.draws),
             .draw = std::uint32_t(rows.first_draw + r % rows.draws),
             .level = std::uint32_t(level)}
        .fill(values.data() + std::size_t(r) * per_row, per_row, distribution, scale);
  return B::from_host(values, sizes, like);
}

/// (N, C, H, W).
template <class B>
std::array<long, 4> sizes_of(const typename B::Tensor& x) {
  return {B::samples(x), B::channels(x), B::height(x), B::width(x)};
}

}  // namespace cnf
