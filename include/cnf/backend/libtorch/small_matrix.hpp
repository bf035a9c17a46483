// The small square matrices of 1x1 convolutions: log|det W| and W^-1 with their gradients
//
//   d log|det W| = tr(W^-1 dW),   d W^-1 = -W^-1 dW W^-1
//
// and ActNorm and the matrix after it as one affine map per pixel,
//
//   W exp(s) (x + b) = M x + c,   M = W diag(exp s),  c = M b,  log|det| = area (log|det W| + sum s).
//
// By kernels (kernels.hpp: Gauss and Jordan, in double) on the CPU and on CUDA: LAPACK would wake a second thread pool
// that spins beside LibTorch's, and LibTorch's own inverse on CUDA waits for the device. Elsewhere, and for matrices of
// more than `largest` channels, by LibTorch.
#pragma once

#include <ATen/ATen.h>
#include <ATen/Context.h>
#include <torch/csrc/autograd/custom_function.h>

#include <tuple>
#include <utility>

#include "cnf/backend/libtorch/images.hpp"
#include "cnf/backend/libtorch/launch.hpp"
#include "cnf/backend/libtorch/layout.hpp"

namespace cnf::libtorch {

namespace detail {

struct Inverted {
  at::Tensor inverse, log_abs_det;
};

/// A block on a GPU holds a matrix in its 48 KiB.
inline bool is_small(const at::Tensor& w) {
  constexpr std::int64_t largest = 76;
  return has_kernels(w) && (w.is_cpu() || w.size(0) <= largest);
}

inline Launch one_block(const at::Tensor& w) {
  const long long n = w.size(0);
  return {.like = w, .threads = 128, .shared = n * n + 2 * n + 2};
}

inline Inverted inverted(const at::Tensor& any) {
  const auto w = any.contiguous();
  if (w.scalar_type() != at::kFloat && w.scalar_type() != at::kDouble) {
    const auto precise = inverted(w.to(at::kDouble));
    return {precise.inverse.to(w.scalar_type()), precise.log_abs_det.to(w.scalar_type())};
  }
  if (!is_small(w)) return {std::get<0>(at::linalg_inv_ex(w)), std::get<1>(at::slogdet(w))};
  Inverted result{at::empty_like(w), at::empty({}, w.options())};
  launch<kernels::invert>(one_block(w), w.data_ptr(), nullptr, nullptr, 1.0, 1, result.inverse.data_ptr(),
                          result.log_abs_det.data_ptr(), nullptr, nullptr, w.size(0));
  return result;
}

struct LogAbsDet : torch::autograd::Function<LogAbsDet> {
  static at::Tensor forward(torch::autograd::AutogradContext* context, const at::Tensor& w) {
    const auto result = inverted(w);
    context->save_for_backward({w, result.inverse});
    return result.log_abs_det;
  }
  static torch::autograd::tensor_list backward(torch::autograd::AutogradContext* context,
                                               torch::autograd::tensor_list grad);
};

struct Inverse : torch::autograd::Function<Inverse> {
  static at::Tensor forward(torch::autograd::AutogradContext* context, const at::Tensor& w) {
    auto inverse = inverted(w).inverse;
    context->save_for_backward({inverse});
    return inverse;
  }
  static torch::autograd::tensor_list backward(torch::autograd::AutogradContext* context,
                                               torch::autograd::tensor_list grad) {
    const auto transposed = context->get_saved_variables()[0].t();
    return {-transposed.matmul(grad[0]).matmul(transposed)};
  }
};

inline torch::autograd::tensor_list LogAbsDet::backward(torch::autograd::AutogradContext* context,
                                                        torch::autograd::tensor_list grad) {
  const auto saved = context->get_saved_variables();
  const auto inverse =
      at::GradMode::is_enabled() ? Inverse::apply(saved[0]) : saved[1];  // gradients of gradients
  return {grad[0] * inverse.t()};
}

/// {M, c, log|det|}.
struct Folded : torch::autograd::Function<Folded> {
  static torch::autograd::tensor_list forward(torch::autograd::AutogradContext* context, const at::Tensor& w,
                                              const at::Tensor& log_scale, const at::Tensor& bias,
                                              double area) {
    auto inverse = at::empty_like(w), m = at::empty_like(w), c = at::empty_like(bias),
         log_det = at::empty({}, w.options());
    launch<kernels::invert>(one_block(w), w.data_ptr(), log_scale.data_ptr(), bias.data_ptr(), area, 1,
                            inverse.data_ptr(), log_det.data_ptr(), m.data_ptr(), c.data_ptr(), w.size(0));
    context->save_for_backward({w, log_scale, bias, inverse});
    context->saved_data["area"] = area;
    return {m, c, log_det};
  }
  static torch::autograd::tensor_list backward(torch::autograd::AutogradContext* context,
                                               torch::autograd::tensor_list grads) {
    const auto saved = context->get_saved_variables();
    const auto &w = saved[0], &log_scale = saved[1], &bias = saved[2], &inverse = saved[3];
    const double area = context->saved_data["area"].toDouble();
    if (at::GradMode::is_enabled()) {  // gradients of gradients
      const auto total = grads[0] + grads[1].unsqueeze(1) * bias;
      const auto m = w * log_scale.exp();
      return {total * log_scale.exp() + grads[2] * area * Inverse::apply(w).t(),
              (total * m).sum(0) + grads[2] * area,
              (m * grads[1].unsqueeze(1)).sum(0),
              {}};
    }
    auto of_w = at::empty_like(w), of_log_scale = at::empty_like(bias), of_bias = at::empty_like(bias);
    const auto of_m = grads[0].contiguous(), of_c = grads[1].contiguous();
    launch<kernels::fold_backward>(one_block(w), w.data_ptr(), log_scale.data_ptr(), bias.data_ptr(),
                                   inverse.data_ptr(), area, of_m.data_ptr(), of_c.data_ptr(),
                                   grads[2].data_ptr(), of_w.data_ptr(), of_log_scale.data_ptr(),
                                   of_bias.data_ptr(), w.size(0));
    return {of_w, of_log_scale, of_bias, {}};
  }
};

}  // namespace detail

/// log|det w|, with its gradient.
inline at::Tensor log_abs_det(const at::Tensor& w) { return detail::LogAbsDet::apply(w); }
/// w^-1, with its gradient.
inline at::Tensor inverse(const at::Tensor& w) { return detail::Inverse::apply(w); }

namespace detail {

/// On CUDA by a matrix product, since LibTorch lets convolutions there round the state to 10 bits (TF32) unless told
/// otherwise, and its inverse would not undo it.
inline at::Tensor mixed(const at::Tensor& x, const at::Tensor& w, const at::Tensor& offset) {
  if (!x.is_cuda()) return conv2d(x, w.unsqueeze(-1).unsqueeze(-1), offset, 1, 0);
  const at::NoTF32Guard whole_numbers;
  const auto n = x.size(0), c = x.size(1), pixels = x.size(2) * x.size(3);
  const auto flat = x.reshape({n, c, pixels}), matrix = w.unsqueeze(0).expand({n, c, c});
  const auto y = offset.defined() ? at::baddbmm(offset.view({1, c, 1}).expand({n, c, pixels}), matrix, flat)
                                  : at::bmm(matrix, flat);
  return y.view(x.sizes());
}

}  // namespace detail

/// y = w x + offset per pixel; an undefined offset is none.
inline at::Tensor mix_channels(at::Tensor x, const at::Tensor& w, const at::Tensor& offset) {
  return by_bands<Images>(std::move(x), [&](const at::Tensor& part, const Window&) {
    return detail::mixed(part.contiguous(), w, offset);
  });
}

/// ActNorm, then a mixing by w, of an x with `area` pixels.
struct NormalisedMix {
  /// log_det: nats, one number for all samples.
  at::Tensor y, log_det;
};
/// W exp(s) (x + b), and its log|det|.
inline NormalisedMix normalised_mix(at::Tensor x, const at::Tensor& log_scale, const at::Tensor& bias,
                                    const at::Tensor& w, double area) {
  if (detail::is_small(w) && w.is_contiguous()) {
    const auto f = detail::Folded::apply(w, log_scale, bias, area);
    return {mix_channels(std::move(x), f[0], f[1]), f[2]};
  }
  const auto m = w * log_scale.exp();
  return {mix_channels(std::move(x), m, (m * bias).sum(1)), area * (log_abs_det(w) + log_scale.sum())};
}

/// And its inverse; weight.dense() is w, weight.inverse() its inverse, which may be kept.
template <class Weight>
at::Tensor normalised_unmix(at::Tensor y, const at::Tensor& log_scale, const at::Tensor& bias,
                            const Weight& weight) {
  const at::Tensor& w = weight.dense();
  if (!at::GradMode::is_enabled() && is_fused(w) && detail::is_small(w) && w.is_contiguous()) {
    auto whole = at::empty_like(w), plain = at::empty_like(w), offset = at::empty_like(bias),
         log_det = at::empty({}, w.options());
    launch<kernels::invert>(detail::one_block(w), w.data_ptr(), log_scale.data_ptr(), bias.data_ptr(), 1.0,
                            -1, plain.data_ptr(), log_det.data_ptr(), whole.data_ptr(), offset.data_ptr(),
                            w.size(0));
    return mix_channels(std::move(y), whole, offset);
  }
  return mix_channels(std::move(y), weight.inverse() * at::exp(-log_scale).unsqueeze(1), -bias);
}

/// The small matrices of 1x1 convolutions.
struct SmallMatrices {
  using Matrix = at::Tensor;

  /// log|det w|.
  static at::Tensor log_abs_det(const Matrix& w) { return libtorch::log_abs_det(w); }
  /// w^-1.
  static Matrix inverse(const Matrix& w) { return libtorch::inverse(w); }
  /// The product of the reflections 1 - 2 v v^T / v^T v of the rows v of a parameter, as 1 - V^T T V with
  /// T^-1 = triu(V V^T, 1) + diag(V V^T) / 2 (Joffrain et al., Accumulating Householder transformations, revisited, 2006).
  static Matrix reflections(const at::Tensor& v) {
    const at::NoTF32Guard whole_numbers;
    const auto gram = v.matmul(v.t());
    const auto factor = gram.triu(1) + at::diag(at::diagonal(gram) * 0.5);
    return at::eye(v.size(1), v.options()) -
           v.t().matmul(at::linalg_solve_triangular(factor, v, /*upper=*/true));
  }
  /// The transposed matrix.
  static Matrix transposed(const Matrix& m) { return m.t(); }
  /// permutation L (U + diag(diagonal)), with a unit diagonal in L and strictly upper U.
  static Matrix plu_product(const Matrix& permutation, const Matrix& lower, const Matrix& upper,
                            const at::Tensor& diagonal) {
    return permutation.matmul((lower.tril(-1) + at::eye(lower.size(0), lower.options()))
                                  .matmul(upper.triu(1) + at::diag(diagonal)));
  }
};

}  // namespace cnf::libtorch
