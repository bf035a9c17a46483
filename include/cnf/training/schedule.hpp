// The learning rate over a training: linear warm-up, flat to 40 % of the budget, cosine to 2 %.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <numbers>

namespace cnf::training {

/// Factor on the learning rate at this fraction of the budget.
inline double schedule(double progress, std::int64_t step, std::int64_t warm_up) {
  const double warm = std::min(1.0, double(step + 1) / double(std::max<std::int64_t>(1, warm_up)));
  const double decay = std::clamp((progress - 0.4) / 0.6, 0.0, 1.0);
  return warm * (0.02 + 0.98 * 0.5 * (1 + std::cos(std::numbers::pi * decay)));
}

}  // namespace cnf::training
