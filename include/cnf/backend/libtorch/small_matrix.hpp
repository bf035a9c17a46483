// log|det W| and W^-1 of the small square matrices of 1x1 convolutions, on the CPU, in double precision
// (core/lu.hpp), with their gradients
//
//   d log|det W| = tr(W^-1 dW),   d W^-1 = -W^-1 dW W^-1
//
// because LAPACK wakes a second thread pool that spins beside LibTorch's. On other devices the backend calls
// LibTorch.
#pragma once

#include <ATen/ATen.h>
#include <torch/csrc/autograd/custom_function.h>

#include <vector>

#include "cnf/core/lu.hpp"

namespace cnf::libtorch {

namespace detail {

inline Lu lu(const at::Tensor& w) {
  const auto host = w.detach().to(at::kDouble).contiguous();
  const auto* const first = host.data_ptr<double>();
  return {{first, first + host.numel()}, int(host.size(0))};
}

inline at::Tensor matrix(const std::vector<double>& row_major, const at::Tensor& like) {
  return at::tensor(row_major, at::kDouble).view(like.sizes()).to(like.scalar_type());
}

}  // namespace detail

struct SmallLogAbsDet : torch::autograd::Function<SmallLogAbsDet> {
  static at::Tensor forward(torch::autograd::AutogradContext* context, const at::Tensor& w) {
    const auto lu = detail::lu(w);
    context->save_for_backward({detail::matrix(lu.inverse(), w).t()});
    return at::scalar_tensor(lu.log_abs_det(), w.options());
  }
  static torch::autograd::tensor_list backward(torch::autograd::AutogradContext* context,
                                               torch::autograd::tensor_list grad) {
    return {grad[0] * context->get_saved_variables()[0]};
  }
};

struct SmallInverse : torch::autograd::Function<SmallInverse> {
  static at::Tensor forward(torch::autograd::AutogradContext* context, const at::Tensor& w) {
    auto inverse = detail::matrix(detail::lu(w).inverse(), w);
    context->save_for_backward({inverse});
    return inverse;
  }
  static torch::autograd::tensor_list backward(torch::autograd::AutogradContext* context,
                                               torch::autograd::tensor_list grad) {
    const auto transposed = context->get_saved_variables()[0].t();
    return {-transposed.matmul(grad[0]).matmul(transposed)};
  }
};

}  // namespace cnf::libtorch
