// InstanceNorm (Ulyanov et al., 2016) of channels-last tensors, with its gradient:
//
//   y = r (x - m),   r = 1 / sqrt(variance + 1e-5)             m, variance per sample and channel over P pixels
//   dx = r (g - sum(g) / P - y sum(g y) / P)
//
// On the CPU in two passes over x forward and two backward (LibTorch's own kernels for this layout take
// several more, or a copy to another layout); elsewhere, and for gradients of gradients, in LibTorch's
// operations. Sums are in double.
#pragma once

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <torch/csrc/autograd/custom_function.h>

#include <algorithm>
#include <cmath>
#include <type_traits>
#include <vector>

namespace cnf::libtorch {

/// Added to the variance, as everywhere.
inline constexpr double instance_norm_epsilon = 1e-5;

namespace detail {

/// Numbers per sample and channel.
using PerChannel = std::vector<double>;

/// A channels-last tensor as pixels of C channels, and a division of them into pieces of work.
template <class T>
struct Pixels {
  T* data;
  std::int64_t samples, channels, area, pieces;

  explicit Pixels(const at::Tensor& x)
      : data(x.data_ptr<std::remove_const_t<T>>()),
        samples(x.size(0)),
        channels(x.size(1)),
        area(x.size(2) * x.size(3)),
        pieces(std::clamp<std::int64_t>(area / 512, 1, 4 * at::get_num_threads())) {}

  T* at(std::int64_t sample, std::int64_t pixel) const { return data + (sample * area + pixel) * channels; }

  /// work(piece of all, sample, first pixel, end of pixels), on all threads.
  template <class Work>
  void each(const Work& work) const {
    at::parallel_for(0, samples * pieces, 1, [&](std::int64_t begin, std::int64_t end) {
      for (auto i = begin; i < end; ++i) {
        const auto piece = i % pieces;
        work(i, i / pieces, area * piece / pieces, area * (piece + 1) / pieces);
      }
    });
  }
};

struct Sums {
  PerChannel a, ab;
};

/// Sums of a and of a b over the pixels.
template <class T>
Sums pixel_sums(const at::Tensor& a_tensor, const at::Tensor& b_tensor) {
  const Pixels<const T> a(a_tensor), b(b_tensor);
  const auto c = a.channels;
  std::vector<double> parts(std::size_t(a.samples * a.pieces * 2 * c));
  a.each([&](std::int64_t part, std::int64_t sample, std::int64_t first, std::int64_t end) {
    double* of_a = parts.data() + part * 2 * c;
    double* of_ab = of_a + c;
    for (auto p = first; p < end; ++p) {
      const T *ap = a.at(sample, p), *bp = b.at(sample, p);
      for (std::int64_t i = 0; i < c; ++i) {
        of_a[i] += double(ap[i]);
        of_ab[i] += double(ap[i]) * double(bp[i]);
      }
    }
  });
  const auto numbers = std::size_t(a.samples * c);
  Sums sums{PerChannel(numbers), PerChannel(numbers)};
  for (std::int64_t part = 0; part < a.samples * a.pieces; ++part)
    for (std::int64_t i = 0; i < c; ++i) {
      const auto to = std::size_t(part / a.pieces * c + i), from = std::size_t(part * 2 * c + i);
      sums.a[to] += parts[from];
      sums.ab[to] += parts[from + std::size_t(c)];
    }
  return sums;
}

/// u a + v b + w, u, v and w per sample and channel.
template <class T>
at::Tensor pixel_affine(const at::Tensor& a_tensor, const PerChannel& u, const at::Tensor& b_tensor,
                        const PerChannel& v, const PerChannel& w) {
  using Real = std::conditional_t<std::is_same_v<T, double>, double, float>;
  auto result = at::empty_like(a_tensor);
  const Pixels<const T> a(a_tensor), b(b_tensor);
  const Pixels<T> y(result);
  const auto c = a.channels;
  const std::vector<Real> ur(u.begin(), u.end()), vr(v.begin(), v.end()), wr(w.begin(), w.end());
  a.each([&](std::int64_t, std::int64_t sample, std::int64_t first, std::int64_t end) {
    const Real *us = ur.data() + sample * c, *vs = vr.data() + sample * c, *ws = wr.data() + sample * c;
    for (auto p = first; p < end; ++p) {
      const T *ap = a.at(sample, p), *bp = b.at(sample, p);
      T* yp = y.at(sample, p);
      for (std::int64_t i = 0; i < c; ++i) yp[i] = T(us[i] * Real(ap[i]) + vs[i] * Real(bp[i]) + ws[i]);
    }
  });
  return result;
}

/// m and r per sample and channel.
struct Moments {
  PerChannel mean, rstd;
};

template <class T>
Moments pixel_moments(const at::Tensor& x) {
  auto [sum, squares] = pixel_sums<T>(x, x);
  const double area = double(x.size(2) * x.size(3));
  for (std::size_t i = 0; i < sum.size(); ++i) {
    sum[i] /= area;
    const double variance = std::max(0.0, squares[i] / area - sum[i] * sum[i]);
    squares[i] = 1 / std::sqrt(variance + instance_norm_epsilon);
  }
  return {std::move(sum), std::move(squares)};
}

template <class T>
at::Tensor instance_norm(const at::Tensor& x, const Moments& m) {
  PerChannel shift(m.mean.size());
  for (std::size_t i = 0; i < shift.size(); ++i) shift[i] = -m.mean[i] * m.rstd[i];
  return pixel_affine<T>(x, m.rstd, x, PerChannel(shift.size()), shift);
}

template <class T>
at::Tensor instance_norm_gradient(const at::Tensor& x, const Moments& m, const at::Tensor& grad) {
  auto [v, w] = pixel_sums<T>(grad, x);
  const double area = double(x.size(2) * x.size(3));
  for (std::size_t i = 0; i < v.size(); ++i) {
    const double sum_g = v[i], sum_gy = m.rstd[i] * (w[i] - m.mean[i] * sum_g), r = m.rstd[i];
    v[i] = -r * r * sum_gy / area;
    w[i] = -r * sum_g / area - v[i] * m.mean[i];
  }
  return pixel_affine<T>(grad, m.rstd, x, v, w);
}

/// The same in LibTorch's operations.
inline at::Tensor instance_norm_composed(const at::Tensor& x) {
  const auto centred = x - x.mean({2, 3}, true);
  return centred * (centred.square().mean({2, 3}, true) + instance_norm_epsilon).rsqrt();
}

inline at::Tensor instance_norm_gradient_composed(const at::Tensor& x, const at::Tensor& grad) {
  const auto centred = x - x.mean({2, 3}, true);
  const auto r = (centred.square().mean({2, 3}, true) + instance_norm_epsilon).rsqrt();
  const auto y = centred * r;
  return r * (grad - grad.mean({2, 3}, true) - y * (grad * y).mean({2, 3}, true));
}

}  // namespace detail

struct InstanceNorm : torch::autograd::Function<InstanceNorm> {
  /// As LibTorch's custom functions have it.
  static at::Tensor forward(torch::autograd::AutogradContext* context, const at::Tensor& input) {
    const auto x = input.contiguous(at::MemoryFormat::ChannelsLast);
    context->save_for_backward({input});
    return by_type(
        x,
        [&]<class T>(T) {
          const auto m = detail::pixel_moments<T>(x);
          context->saved_data["mean"] = m.mean;
          context->saved_data["rstd"] = m.rstd;
          return detail::instance_norm<T>(x, m);
        },
        [&] { return detail::instance_norm_composed(x); });
  }

  /// As LibTorch's custom functions have it.
  static torch::autograd::tensor_list backward(torch::autograd::AutogradContext* context,
                                               torch::autograd::tensor_list grads) {
    const auto x = context->get_saved_variables()[0].contiguous(at::MemoryFormat::ChannelsLast);
    const auto grad = grads[0].contiguous(at::MemoryFormat::ChannelsLast);
    const auto composed = [&] { return detail::instance_norm_gradient_composed(x, grad); };
    if (at::GradMode::is_enabled()) return {composed()};
    return {by_type(
        x,
        [&]<class T>(T) {
          const detail::Moments m{context->saved_data["mean"].toDoubleVector(),
                                  context->saved_data["rstd"].toDoubleVector()};
          return detail::instance_norm_gradient<T>(x, m, grad);
        },
        composed)};
  }

 private:
  template <class OnCpu, class Elsewhere>
  static at::Tensor by_type(const at::Tensor& x, const OnCpu& on_cpu, const Elsewhere& elsewhere) {
    if (x.is_cpu() && x.scalar_type() == at::kFloat) return on_cpu(float());
    if (x.is_cpu() && x.scalar_type() == at::kDouble) return on_cpu(double());
    if (x.is_cpu() && x.scalar_type() == at::kBFloat16) return on_cpu(at::BFloat16());
    return elsewhere();
  }
};

}  // namespace cnf::libtorch
