// cnf on Eigen: likelihood and sampling without LibTorch, in float or double.
//
//   cnf::eigen::Model<Spec> model;
//   cnf::io::load_checkpoint("model.safetensors", model);
#pragma once

#include "cnf/backend/eigen/backend.hpp"
#include "cnf/core.hpp"

namespace cnf::eigen {

template <class Spec, class T = float>
using Model = cnf::Model<Spec, Backend<T>>;

}  // namespace cnf::eigen
