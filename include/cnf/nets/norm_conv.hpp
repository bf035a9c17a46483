// The block that the segmentation extractors are made of: InstanceNorm, ReLU, conv3x3 (Winkler et al., 2019,
// section 5).
#pragma once

#include "cnf/nets/conv.hpp"

namespace cnf::detail {

template <class B>
struct NormConv {
  Conv<B> conv;

  NormConv(Scope<B> scope, int in, int out) : conv(scope, {.in = in, .out = out}) {}

  typename B::Tensor operator()(const typename B::Tensor& x) const {
    return conv(B::relu(B::instance_norm(x)));
  }
};

}  // namespace cnf::detail
