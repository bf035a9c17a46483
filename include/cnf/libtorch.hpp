// cnf on LibTorch: training and inference on any device that LibTorch has.
//
//   cnf::libtorch::Model<Spec> model({.seed = 1, .placement = {.device = at::kCUDA}});
//   torch::optim::Adam adam(model.parameters(), 1e-3);
#pragma once

#include "cnf/backend/libtorch/backend.hpp"
#include "cnf/backend/libtorch/micro_batch.hpp"
#include "cnf/core.hpp"

namespace cnf::libtorch {

template <class Spec>
using Model = cnf::Model<Spec, Backend>;

}  // namespace cnf::libtorch
