// log|det W| and W^-1 of the small square matrices of 1x1 convolutions, on the CPU, by Eigen in double
// precision, with their gradients
//
//   d log|det W| = tr(W^-1 dW),   d W^-1 = -W^-1 dW W^-1
//
// because LAPACK wakes a second thread pool that spins beside LibTorch's. On other devices the backend calls
// LibTorch.
#pragma once

#include <ATen/ATen.h>
#include <torch/csrc/autograd/custom_function.h>

#include <Eigen/LU>

namespace cnf::libtorch {

namespace detail {

using SmallMatrix = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

inline SmallMatrix to_eigen(const at::Tensor& w) {
  const auto host = w.detach().to(at::kDouble).contiguous();
  return Eigen::Map<const SmallMatrix>(host.data_ptr<double>(), host.size(0), host.size(1));
}

inline at::Tensor from_eigen(const SmallMatrix& m, const at::Tensor& like) {
  auto host = at::empty({m.rows(), m.cols()}, like.options().dtype(at::kDouble));
  Eigen::Map<SmallMatrix>(host.data_ptr<double>(), m.rows(), m.cols()) = m;
  return host.to(like.scalar_type());
}

}  // namespace detail

struct SmallLogAbsDet : torch::autograd::Function<SmallLogAbsDet> {
  static at::Tensor forward(torch::autograd::AutogradContext* context, const at::Tensor& w) {
    const Eigen::PartialPivLU<detail::SmallMatrix> lu(detail::to_eigen(w));
    context->save_for_backward({detail::from_eigen(lu.inverse().transpose(), w)});
    return at::scalar_tensor(lu.matrixLU().diagonal().array().abs().log().sum(), w.options());
  }
  static torch::autograd::tensor_list backward(torch::autograd::AutogradContext* context,
                                               torch::autograd::tensor_list grad) {
    return {grad[0] * context->get_saved_variables()[0]};
  }
};

struct SmallInverse : torch::autograd::Function<SmallInverse> {
  static at::Tensor forward(torch::autograd::AutogradContext* context, const at::Tensor& w) {
    auto inverse =
        detail::from_eigen(Eigen::PartialPivLU<detail::SmallMatrix>(detail::to_eigen(w)).inverse(), w);
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
