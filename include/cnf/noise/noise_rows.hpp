// Which noise the rows of a batch get: row r belongs to input `first_input + r / draws` and is its draw number
// `first_draw + r % draws`.
#pragma once

#include "cnf/noise/noise.hpp"

namespace cnf {

struct NoiseRows {
  /// Of all rows.
  std::uint64_t seed = 0;
  /// Of each input.
  long draws = 1;
  /// That of row 0.
  long first_input = 0;
  /// That of row 0.
  long first_draw = 0;
  /// Where it points, in the memory of the device that makes the noise, lies a number to add to the seed.
  const long long* shift = nullptr;

  /// The key of row r, on the host.
  NoiseKey key(long r, Stream stream, int level) const {
    return {.seed = seed + (shift ? std::uint64_t(*shift) : 0),
            .stream = stream,
            .input = std::uint32_t(first_input + r / draws),
            .draw = std::uint32_t(first_draw + r % draws),
            .level = std::uint32_t(level)};
  }
};

}  // namespace cnf
