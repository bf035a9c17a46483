// Inputs and targets of a step.
#pragma once

#include <ATen/core/Tensor.h>

namespace cnf::training {

struct Pairs {
  at::Tensor x, y;
};

}  // namespace cnf::training
