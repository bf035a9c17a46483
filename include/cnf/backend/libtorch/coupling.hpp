// What a coupling does to the state, in one operation forward, one backward and one inverse (layers/affine_coupling.hpp):
//
//   y0 = exp(log_s) z0 + t,  y1 = z1,  log|det| = sum log_s,   log_s = bound tanh(r / bound),  [r, t] from the network
//   y0 = z0 + t,             y1 = z1                           without r: additive
//
// Nothing is kept for the backward pass but z and the network's own output. On CUDA each is a kernel; elsewhere, and for
// gradients of gradients, ATen's operations.
#pragma once

#include <ATen/ATen.h>
#include <torch/csrc/autograd/custom_function.h>

#include <array>
#include <utility>

#include "cnf/backend/libtorch/double_backward.hpp"
#include "cnf/backend/libtorch/launch.hpp"

namespace cnf::libtorch {

namespace detail {

/// y and log|det|; the latter undefined where it is 0.
struct Coupled {
  at::Tensor y, log_det;
};

struct CouplingShape {
  std::int64_t samples, channels, changed, area;
  bool affine;

  CouplingShape(const at::Tensor& z, const at::Tensor& raw)
      : samples(z.size(0)),
        channels(z.size(1)),
        changed(z.size(1) / 2),
        area(z.size(2) * z.size(3)),
        affine(raw.size(1) == 2 * changed) {}
  long long count() const { return samples * channels * area; }
};

inline at::Tensor first_channels(const at::Tensor& x, std::int64_t count) { return x.narrow(1, 0, count); }
inline at::Tensor last_channels(const at::Tensor& x, std::int64_t count) {
  return x.narrow(1, x.size(1) - count, count);
}

inline at::Tensor bent(const at::Tensor& raw, std::int64_t changed, double bound, at::ScalarType state) {
  return (first_channels(raw, changed).to(state) * (1 / bound)).tanh_();
}

/// The definition, which LibTorch differentiates.
inline Coupled coupled_plainly(const at::Tensor& z, const at::Tensor& raw, double bound) {
  const CouplingShape s(z, raw);
  const auto said = raw.to(z.scalar_type());
  const auto z0 = first_channels(z, s.changed), t = last_channels(said, s.changed);
  const auto rest = last_channels(z, s.channels - s.changed);
  if (!s.affine) return {at::cat({z0 + t, rest}, 1), {}};
  const auto log_s = at::tanh(first_channels(said, s.changed) / bound) * bound;
  return {at::cat({log_s.exp() * z0 + t, rest}, 1), log_s.sum({1, 2, 3})};
}

inline Coupled couple(const at::Tensor& z, const at::Tensor& raw, double bound) {
  const CouplingShape s(z, raw);
  auto y = at::empty(z.sizes(), z.options());
  if (is_fused(z, raw.scalar_type())) {
    const auto chunks = std::max<std::int64_t>(1, s.channels * s.area / 2048);
    auto parts = s.affine ? at::empty({s.samples, chunks}, z.options()) : at::Tensor();
    launch<kernels::couple>(
        {.like = z, .blocks = s.samples * chunks, .shared = 256, .network = raw.scalar_type()}, z.data_ptr(),
        raw.data_ptr(), y.data_ptr(), s.affine ? parts.data_ptr() : nullptr, s.channels, s.changed, s.area,
        s.affine, bound, chunks);
    if (!s.affine) return {y, {}};
    return {y, chunks == 1 ? parts.view({s.samples}) : parts.sum(1)};
  }
  auto y0 = first_channels(y, s.changed);
  last_channels(y, s.channels - s.changed).copy_(last_channels(z, s.channels - s.changed));
  const auto z0 = first_channels(z, s.changed), t = last_channels(raw, s.changed).to(z.scalar_type());
  if (!s.affine) {
    at::add_out(y0, z0, t);
    return {y, {}};
  }
  auto log_s = bent(raw, s.changed, bound, z.scalar_type()).mul_(bound);
  auto log_det = log_s.sum({1, 2, 3});
  at::addcmul_out(y0, t, log_s.exp_(), z0);
  return {y, log_det};
}

/// Gradients of z and raw.
inline std::pair<at::Tensor, at::Tensor> couple_backward(const at::Tensor& z, const at::Tensor& raw,
                                                         const at::Tensor& of_y, const at::Tensor& of_log_det,
                                                         double bound) {
  const CouplingShape s(z, raw);
  auto of_z = at::empty(z.sizes(), z.options());
  auto of_raw = at::empty(raw.sizes(), raw.options(), at::MemoryFormat::ChannelsLast);
  if (is_fused(z, raw.scalar_type())) {
    launch<kernels::couple_backward>(
        {.like = z, .blocks = blocks_for(s.count()), .network = raw.scalar_type()}, z.data_ptr(),
        raw.data_ptr(), of_y.data_ptr(), s.affine ? of_log_det.data_ptr() : nullptr,
        s.affine ? of_log_det.stride(0) : 0, of_z.data_ptr(), of_raw.data_ptr(), s.channels, s.changed,
        s.area, s.affine, bound, s.count());
    return {of_z, of_raw};
  }
  auto of_z0 = first_channels(of_z, s.changed);
  const auto of_y0 = first_channels(of_y, s.changed);
  last_channels(of_z, s.channels - s.changed).copy_(last_channels(of_y, s.channels - s.changed));
  last_channels(of_raw, s.changed).copy_(of_y0);
  if (!s.affine) {
    of_z0.copy_(of_y0);
    return {of_z, of_raw};
  }
  const auto b = bent(raw, s.changed, bound, z.scalar_type());
  at::mul_out(of_z0, of_y0, (b * bound).exp_());
  auto of_log_s = (of_z0 * first_channels(z, s.changed)).add_(of_log_det.view({-1, 1, 1, 1}));
  first_channels(of_raw, s.changed).copy_(of_log_s.addcmul_(of_log_s, b * b, -1));
  return {of_z, of_raw};
}

struct Couple : torch::autograd::Function<Couple> {
  static torch::autograd::tensor_list forward(torch::autograd::AutogradContext* context, const at::Tensor& z,
                                              const at::Tensor& raw, double bound) {
    context->save_for_backward({z, raw});
    context->saved_data["bound"] = bound;
    const auto result = couple(z, raw, bound);
    return result.log_det.defined() ? torch::autograd::tensor_list{result.y, result.log_det}
                                    : torch::autograd::tensor_list{result.y};
  }

  static torch::autograd::tensor_list backward(torch::autograd::AutogradContext* context,
                                               torch::autograd::tensor_list grads) {
    const auto saved = context->get_saved_variables();
    const double bound = context->saved_data["bound"].toDouble();
    if (at::GradMode::is_enabled()) {  // gradients of gradients
      const auto plain = coupled_plainly(saved[0], saved[1], bound);
      auto outputs = torch::autograd::tensor_list{plain.y};
      if (grads.size() > 1) outputs.push_back(plain.log_det);
      const auto [of_z, of_raw] = differentiated(outputs, grads, {saved[0], saved[1]});
      return {of_z, of_raw, {}};
    }
    const auto [of_z, of_raw] = couple_backward(saved[0], saved[1], grads[0].contiguous(),
                                                grads.size() > 1 ? grads[1] : at::Tensor(), bound);
    return {of_z, of_raw, {}};
  }
};

/// z as it is, and a part of its channels for a network, channels-last: backward adds the two gradients at once.
struct Fork : torch::autograd::Function<Fork> {
  static torch::autograd::tensor_list forward(torch::autograd::AutogradContext* context, const at::Tensor& z,
                                              std::int64_t first, std::int64_t count) {
    context->saved_data["first"] = first;
    return {z, z.narrow(1, first, count).contiguous(at::MemoryFormat::ChannelsLast)};
  }

  static torch::autograd::tensor_list backward(torch::autograd::AutogradContext* context,
                                               torch::autograd::tensor_list grads) {
    const auto first = context->saved_data["first"].toInt();
    const auto &whole = grads[0], &part = grads[1];
    if (!at::GradMode::is_enabled() && is_fused(whole)) {
      const auto a = whole.contiguous(), b = part.contiguous(at::MemoryFormat::ChannelsLast);
      auto sum = at::empty(a.sizes(), a.options());
      launch<kernels::add_part>({.like = a, .blocks = blocks_for(a.numel())}, a.data_ptr(), b.data_ptr(),
                                sum.data_ptr(), a.size(1), first, b.size(1), a.size(2) * a.size(3),
                                a.numel());
      return {sum, {}, {}};
    }
    auto sum = whole.clone();
    sum.narrow(1, first, part.size(1)).add_(part);
    return {sum, {}, {}};
  }
};

}  // namespace detail

/// {z, its channels first .. first + count - 1}: what stays, and what a network sees.
inline std::array<at::Tensor, 2> forked(const at::Tensor& z, std::int64_t first, std::int64_t count) {
  if (!at::GradMode::is_enabled() || !z.requires_grad()) return {z, z.narrow(1, first, count)};
  const auto both = detail::Fork::apply(z, first, count);
  return {both[0], both[1]};
}

/// y, and log|det| (undefined where it is 0), from z and a network's output for it.
inline detail::Coupled coupled(const at::Tensor& z, const at::Tensor& raw, double bound) {
  const auto whole = z.contiguous(), said = raw.contiguous(at::MemoryFormat::ChannelsLast);
  if (!at::GradMode::is_enabled()) return detail::couple(whole, said, bound);
  const auto result = detail::Couple::apply(whole, said, bound);
  return {result[0], result.size() > 1 ? result[1] : at::Tensor()};
}

/// z from y, without gradients of its own.
inline at::Tensor uncoupled(const at::Tensor& y_any, const at::Tensor& raw_any, double bound) {
  const auto y = y_any.contiguous(), raw = raw_any.contiguous(at::MemoryFormat::ChannelsLast);
  const detail::CouplingShape s(y, raw);
  auto z = at::empty(y.sizes(), y.options());
  if (is_fused(y, raw.scalar_type())) {
    launch<kernels::uncouple>({.like = y, .blocks = blocks_for(s.count()), .network = raw.scalar_type()},
                              y.data_ptr(), raw.data_ptr(), z.data_ptr(), s.channels, s.changed, s.area,
                              s.affine, bound, s.count());
    return z;
  }
  auto z0 = detail::first_channels(z, s.changed);
  detail::last_channels(z, s.channels - s.changed).copy_(detail::last_channels(y, s.channels - s.changed));
  at::sub_out(z0, detail::first_channels(y, s.changed),
              detail::last_channels(raw, s.changed).to(y.scalar_type()));
  if (s.affine) z0.mul_(detail::bent(raw, s.changed, bound, y.scalar_type()).mul_(-bound).exp_());
  return z;
}

}  // namespace cnf::libtorch
