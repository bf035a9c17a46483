// The LibTorch backend: training and inference, any device and dtype that LibTorch has.
//
// A tensor is an at::Tensor (N, C, H, W); a parameter is one too, registered in a torch::nn::Module, so any
// torch::optim trains it and `to(device)` moves it. Operations are the ones that layers call; each is a few
// lines over ATen. Errors: LibTorch's own exceptions.
#pragma once

#include <ATen/ATen.h>

#include <array>
#include <optional>
#include <utility>
#include <vector>

#include "cnf/backend/host_numbers.hpp"
#include "cnf/backend/libtorch/arithmetic.hpp"
#include "cnf/backend/libtorch/cache.hpp"
#include "cnf/backend/libtorch/channels.hpp"
#include "cnf/backend/libtorch/coupling.hpp"
#include "cnf/backend/libtorch/images.hpp"
#include "cnf/backend/libtorch/networks.hpp"
#include "cnf/backend/libtorch/noise.hpp"
#include "cnf/backend/libtorch/parameters.hpp"
#include "cnf/backend/libtorch/reversible.hpp"
#include "cnf/backend/libtorch/small_matrix.hpp"
#include "cnf/backend/libtorch/transforms.hpp"
#include "cnf/backend/libtorch/whitening.hpp"

namespace cnf::libtorch {

struct Backend : Parameters, Arithmetic, Channels, Images, Networks, SmallMatrices {
  using Tensor = at::Tensor;
  using Parameter = at::Tensor;
  using PerSample = at::Tensor;
  using Matrix = at::Tensor;

  /// Where and in which precision a model lives. `networks = at::kBFloat16`: extractor and coupling networks
  /// compute in bfloat16; parameters, the flow's state, log-dets and priors stay in `dtype`. Likelihoods hardly
  /// change, but in float the inverse is coarser: where its input differs from forward's in the last bit, a network
  /// may round it the other way. With `dtype = at::kDouble` both round alike, and the inverse is exact.
  struct Placement {
    /// Of parameters, state and log-dets.
    at::ScalarType dtype = at::kFloat;
    /// Of all of them.
    at::Device device = at::kCPU;
    /// Of the networks; none: dtype.
    Precision networks{};
  };
  /// In which its networks compute.
  static Precision networks(const Placement& p) { return p.networks; }
  /// Moves and converts parameters and buffers. Integers stay integers: Module::to() would convert those of a user's module.
  static void place(Module& module, const Placement& p) {
    const at::NoGradGuard no_grad;
    const auto move = [&](at::Tensor t) {
      t.set_data(t.is_floating_point() ? t.to(p.device, p.dtype) : t.to(p.device));
    };
    for (const auto& t : module.parameters()) move(t);
    for (const auto& t : module.buffers()) move(t);
  }
  /// x in the precision and on the device of the model that has this parameter.
  static Tensor like(Tensor x, const Parameter& p) {
    return p.defined() ? x.to(p.device(), p.scalar_type()) : x;
  }

  /// While one lives, nothing is recorded for gradients.
  using NoGradients = at::NoGradGuard;
  /// Kept while a parameter does not change.
  template <class T>
  using Cache = libtorch::Cache<T>;

  // Transforms (transforms/): y and log dy/dx, and the inverse.
  template <class Shape>
  static Mapped transformed(const Tensor& x, const Tensor& raw, const Shape& shape) {
    return libtorch::transformed(x, raw, shape);
  }
  template <class Shape>
  static Tensor restored(const Tensor& y, const Tensor& raw, const Shape& shape) {
    return libtorch::restored(y, raw, shape);
  }

  // Layers that are one operation here.
  /// ActNorm and the channel mixing after it, and their inverse (small_matrix.hpp).
  static NormalisedMix normalised_mix(Tensor x, const Parameter& log_scale, const Parameter& bias,
                                      const Matrix& w, double area) {
    return libtorch::normalised_mix(std::move(x), log_scale, bias, w, area);
  }
  template <class Weight>
  static Tensor normalised_unmix(Tensor y, const Parameter& log_scale, const Parameter& bias,
                                 const Weight& weight) {
    return libtorch::normalised_unmix(std::move(y), log_scale, bias, weight);
  }
  /// What a coupling does to the state, and its inverse (coupling.hpp).
  static std::array<Tensor, 2> forked(const Tensor& z, long first, long count) {
    return libtorch::forked(z, first, count);
  }
  static detail::Coupled coupled(const Tensor& z, const Tensor& raw, double bound) {
    return libtorch::coupled(z, raw, bound);
  }
  static Tensor uncoupled(const Tensor& y, const Tensor& raw, double bound) {
    return libtorch::uncoupled(y, raw, bound);
  }
  /// What splits and priors do to the state, and its inverse (whitening.hpp).
  static Whitened whitened(const Tensor& z, const Tensor& raw, long kept, double bound) {
    return libtorch::whitened(z, raw, kept, bound);
  }
  static Tensor coloured(const Tensor& kept, const Tensor& e, const Tensor& raw, double bound) {
    return libtorch::coloured(kept, e, raw, bound);
  }
  /// The result of a bound Reversible<L>, with gradients by rebuilding (reversible.hpp).
  template <class Bound, class X, class Maps>
  static typename Bound::Result rebuilt_backward(const Bound& bound, const X& x, const Maps& features) {
    return libtorch::rebuilt_backward(bound, x, features);
  }

  /// scale * noise, made where `like` is (noise.hpp).
  static Tensor noise(const NoiseRows& rows, Stream stream, int level, Distribution distribution,
                      double scale, const std::array<long, 4>& s, const Tensor& like) {
    return libtorch::noise(rows, stream, level, distribution, scale, s,
                           like.defined() ? like.options() : at::TensorOptions(at::kFloat));
  }

  /// From numbers in (sample, channel, row, column) order, in the dtype and on the device of `like`; and to
  /// such numbers.
  static Tensor from_host(const std::vector<double>& values, const std::array<long, 4>& s,
                          const Tensor& like) {
    expect_numbers(s[0] * s[1] * s[2] * s[3], long(values.size()));
    const auto host =
        at::from_blob(const_cast<double*>(values.data()), {s[0], s[1], s[2], s[3]}, at::kDouble);
    return host.to(like.defined() ? like.options() : at::TensorOptions(at::kFloat), /*non_blocking=*/false,
                   /*copy=*/true);
  }
  /// Numbers in (sample, channel, row, column) order.
  static std::vector<double> to_host(const Tensor& x) {
    const auto flat = x.detach().to(at::kCPU, at::kDouble).contiguous();
    return {flat.data_ptr<double>(), flat.data_ptr<double>() + flat.numel()};
  }
};

}  // namespace cnf::libtorch
