// What the LibTorch backend does to the channels of every pixel.
#pragma once

#include <ATen/ATen.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <utility>
#include <vector>

#include "cnf/backend/libtorch/constants.hpp"
#include "cnf/backend/libtorch/distributed/replicas.hpp"
#include "cnf/backend/libtorch/small_matrix.hpp"

namespace cnf::libtorch {

struct Channels {
  using Tensor = at::Tensor;
  using Parameter = at::Tensor;
  using Matrix = at::Tensor;

  /// x * scale + shift, a number of each per channel.
  static Tensor channel_affine(const Tensor& x, const Tensor& scale, const Tensor& shift) {
    return at::addcmul(column(shift), x, column(scale));
  }
  /// x + shift, a number per channel.
  static Tensor add_channels(const Tensor& x, const Tensor& shift) { return x + column(shift); }
  /// A number per channel on every pixel of `like`.
  static Tensor broadcast_channels(const Tensor& v, const Tensor& like) {
    return column(v).expand({like.size(0), v.size(0), like.size(2), like.size(3)});
  }
  /// Channels first .. first + count - 1.
  static Tensor channels_of(const Tensor& x, long first, long count) { return x.narrow(1, first, count); }
  /// The channels of a, then those of b.
  static Tensor concat(const Tensor& a, const Tensor& b) { return at::cat({a, b}, 1); }
  /// Channel c of the result is channel source[c].
  template <std::size_t C>
  static Tensor permute_channels(const Tensor& x, const std::array<int, C>& source) {
    const std::vector<double> index(source.begin(), source.end());
    return x.index_select(1, constants(index, {std::int64_t(C)}, x.options().dtype(at::kLong)));
  }
  /// The same matrix for the channels of every pixel.
  static Tensor mix_channels(Tensor x, const Matrix& w) {
    return libtorch::mix_channels(std::move(x), w, {});
  }

  /// A parameter as one pixel.
  static Tensor as_pixel(const Parameter& p) { return column(p); }
  /// The rows of a table that x names, pixel by pixel; x: integers within it. What is none becomes NaN where to look would be
  /// to wait for a device.
  static Tensor embedded(const Tensor& x, const Parameter& table) {
    const auto labels = x.select(1, 0);
    const auto good = (labels >= 0) & (labels < table.size(0)) & (labels == at::floor(labels));
    const auto rows =
        at::embedding(table, at::where(good, labels, at::zeros({}, labels.options())).to(at::kLong));
    return at::where(good.unsqueeze(-1), rows,
                     at::full({}, std::numeric_limits<double>::quiet_NaN(), rows.options()))
        .permute({0, 3, 1, 2});
  }

  /// Sets log_scale and bias so that exp(log_scale) * (x + bias) has zero mean and unit variance per channel, over the joint
  /// batch of all processes (distributed::JointBatch).
  static void set_normalising(const Parameter& log_scale, const Parameter& bias, const Tensor& x,
                              double floor) {
    at::NoGradGuard no_grad;
    using distributed::JointBatch;
    const auto flat = x.transpose(0, 1).flatten(1);
    const auto count = JointBatch::sum(at::full({1}, double(flat.size(1)), flat.options()));
    const auto mean = JointBatch::sum(flat.sum(1)) / count;
    const auto variance = JointBatch::sum((flat - mean.unsqueeze(1)).square().sum(1)) / count;
    log_scale.copy_(-at::clamp(variance.sqrt(), floor).log());
    bias.copy_(-mean);
  }

 private:
  static Tensor column(const Tensor& v) { return v.view({1, -1, 1, 1}); }
};

}  // namespace cnf::libtorch
