// The LibTorch backend: training and inference, any device and dtype that LibTorch has.
//
// A tensor is an at::Tensor (N, C, H, W); a parameter is one too, registered in a torch::nn::Module, so any
// torch::optim trains it and `to(device)` moves it. Operations are the ones that layers call; each is a few
// lines over ATen. Errors: LibTorch's own exceptions.
#pragma once

#include <ATen/ATen.h>
#include <torch/nn/module.h>

#include <algorithm>
#include <array>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "cnf/backend/host_numbers.hpp"
#include "cnf/backend/libtorch/cache.hpp"
#include "cnf/backend/libtorch/cast_once.hpp"
#include "cnf/backend/libtorch/constants.hpp"
#include "cnf/backend/libtorch/coupling.hpp"
#include "cnf/backend/libtorch/distributed/replicas.hpp"
#include "cnf/backend/libtorch/images.hpp"
#include "cnf/backend/libtorch/instance_norm.hpp"
#include "cnf/backend/libtorch/joint_conv.hpp"
#include "cnf/backend/libtorch/layout.hpp"
#include "cnf/backend/libtorch/noise.hpp"
#include "cnf/backend/libtorch/reversible.hpp"
#include "cnf/backend/libtorch/small_matrix.hpp"
#include "cnf/backend/libtorch/transforms.hpp"
#include "cnf/backend/libtorch/whitening.hpp"
#include "cnf/core/error.hpp"
#include "cnf/core/noise.hpp"
#include "cnf/io/dtype.hpp"

namespace cnf::libtorch {

struct Backend : Images {
  using Tensor = at::Tensor;
  using Parameter = at::Tensor;
  using Numbers = at::Tensor;
  using PerSample = at::Tensor;
  using Matrix = at::Tensor;
  using Module = torch::nn::Module;

  /// In which precision networks compute; none: in that of their parameters.
  using Precision = std::optional<at::ScalarType>;

  /// Where and in which precision a model lives. `networks = at::kBFloat16`: extractor and coupling networks
  /// compute in bfloat16; parameters, the flow's state, log-dets and priors stay in `dtype`. Likelihoods hardly
  /// change, but in float the inverse is coarser: where its input differs from forward's in the last bit, a network
  /// may round it the other way. With `dtype = at::kDouble` both round alike, and the inverse is exact.
  struct Placement {
    at::ScalarType dtype = at::kFloat;
    at::Device device = at::kCPU;
    Precision networks{};
  };
  static Precision networks(const Placement& p) { return p.networks; }

  // Modules and parameters.
  using NoGradients = at::NoGradGuard;

  static Module& child(Module& parent, const std::string& name) {
    const auto children = parent.named_children();
    if (const auto* known = children.find(name)) return **known;
    return *parent.register_module(name, std::make_shared<Module>());
  }

  /// Without values: all 0.
  static Parameter add_parameter(Module& module, const std::string& name, const std::vector<long>& sizes,
                                 std::vector<double> values, bool trained) {
    const std::vector<std::int64_t> shape(sizes.begin(), sizes.end());
    auto tensor = values.empty() ? at::zeros(shape, at::kDouble)
                                 : at::from_blob(values.data(), shape, at::kDouble).clone();
    if (shape.size() == 4) tensor = tensor.contiguous(at::MemoryFormat::ChannelsLast);
    return trained ? module.register_parameter(name, std::move(tensor))
                   : module.register_buffer(name, std::move(tensor));
  }

  static bool is_trained(const Parameter& p) { return p.requires_grad(); }
  static bool training(const Module& module) { return module.is_training(); }
  static void set(const Parameter& p, double value) {
    at::NoGradGuard no_grad;
    p.fill_(value);
  }
  static double first(const Parameter& p) { return p.view({-1})[0].item<double>(); }
  static Tensor vector(const Parameter& p) { return p; }
  static Matrix matrix(const Parameter& p) { return p; }

  template <class T>
  using Cache = libtorch::Cache<T>;

  // Elementwise; + - * / are at::Tensor's own.
  static Tensor exp(const Tensor& x) { return x.exp(); }
  static Tensor log(const Tensor& x) { return x.log(); }
  static Tensor tanh(const Tensor& x) { return x.tanh(); }
  static Tensor softplus(const Tensor& x) {
    return -at::log_sigmoid(-x);
  }  // at::softplus drops exp(-x) beyond 20
  /// In place where nothing else has the argument's numbers.
  static Tensor relu(Tensor x) { return is_only_ours(x) ? at::relu_(x) : at::relu(x); }
  static Tensor leaky_relu(Tensor x, double slope) {
    return is_only_ours(x) ? at::leaky_relu_(x, slope) : at::leaky_relu(x, slope);
  }
  static Tensor log1m_exp(const Tensor& x) { return at::log(-at::expm1(x)); }
  static Tensor round(const Tensor& x) { return at::round(x); }
  static Tensor floor(const Tensor& x) { return at::floor(x); }
  static Tensor clamp(const Tensor& x, double low, double high) { return at::clamp(x, low, high); }
  /// Where `choice` is at most / at least the bound, `a`; elsewhere `b`.
  static Tensor where_at_most(const Tensor& choice, double bound, const Tensor& a, const Tensor& b) {
    return at::where(choice <= bound, a, b);
  }
  static Tensor where_at_least(const Tensor& choice, double bound, const Tensor& a, const Tensor& b) {
    return at::where(choice >= bound, a, b);
  }

  // Sums: per sample (N), and of a parameter (one number for all samples).
  static PerSample sum(const Tensor& x) { return x.sum({1, 2, 3}); }
  static PerSample total(const Tensor& v) { return v.sum(); }
  static PerSample per_sample(const PerSample& p, long n) { return p.expand({n}); }
  /// Of several results of one layer: all are per sample, or none is.
  static PerSample sum_of(const std::vector<PerSample>& all) {
    return all.size() == 1 ? all[0] : at::stack(all).sum(0);
  }
  /// log sum exp(power * w) per sample, over chunks of a few w for each of n samples (sample by sample).
  static PerSample log_sum_exp(const std::vector<PerSample>& chunks, long n, double power) {
    std::vector<Tensor> columns;
    for (const auto& chunk : chunks) columns.push_back(chunk.view({n, -1}));
    return (at::cat(columns, 1) * power).logsumexp(1);
  }

  // Channels.
  static Tensor channel_affine(const Tensor& x, const Tensor& scale, const Tensor& shift) {
    return at::addcmul(column(shift), x, column(scale));
  }
  static Tensor add_channels(const Tensor& x, const Tensor& shift) { return x + column(shift); }
  static Tensor broadcast_channels(const Tensor& v, const Tensor& like) {
    return column(v).expand({like.size(0), v.size(0), like.size(2), like.size(3)});
  }
  static Tensor channels_of(const Tensor& x, long first, long count) { return x.narrow(1, first, count); }
  static Tensor concat(const Tensor& a, const Tensor& b) { return at::cat({a, b}, 1); }
  template <std::size_t C>
  static Tensor permute_channels(const Tensor& x, const std::array<int, C>& source) {
    const std::vector<double> index(source.begin(), source.end());
    return x.index_select(1, constants(index, {std::int64_t(C)}, x.options().dtype(at::kLong)));
  }
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

  // Networks: channels-last, in a precision of their own; the flow's state is contiguous.
  /// x as a network with this parameter wants it.
  static Tensor to_network(const Tensor& x, const Precision& precision, const Parameter& p) {
    return libtorch::to_network(x, precision, p);
  }
  /// A feature map laid out for all networks that will read it.
  static Tensor map_for_networks(const Tensor& map) { return map.contiguous(at::MemoryFormat::ChannelsLast); }
  static Tensor to_state(const Tensor& raw, const Tensor& like) {
    return LeaveNetwork::apply(raw, like.scalar_type());
  }
  static Tensor conv2d(const Tensor& x, const Parameter& weight, const Parameter* bias, int stride,
                       int padding) {
    return libtorch::conv2d(x, cast(weight, x.scalar_type()), bias ? cast(*bias, x.scalar_type()) : Tensor(),
                            stride, padding);
  }
  /// conv(h, weight) + bias for each of several weights, without history.
  static std::vector<Tensor> shared_convs(const Tensor& h, const std::vector<Parameter>& weights,
                                          const std::vector<Parameter>& biases, int padding,
                                          const Precision& precision) {
    at::NoGradGuard no_grad;
    const auto input = to_network(h, precision, weights[0]);
    std::vector<std::int64_t> sizes;
    std::vector<Tensor> w, b;
    for (std::size_t i = 0; i < weights.size(); ++i) {
      sizes.push_back(weights[i].size(0));
      w.push_back(cast(weights[i], input.scalar_type()));
      b.push_back(cast(biases[i], input.scalar_type()));
    }
    return libtorch::conv2d(input, at::cat(w), at::cat(b), 1, padding).split_with_sizes(sizes, 1);
  }
  /// conv(z, weight) + conv(h, features) + bias of a network; `shared`, where there is one, is the second with
  /// the bias, from as many samples as z or from fewer. Without z: the second alone, which needs `shared`.
  static Tensor joint_conv(const Tensor& z, const Parameter& weight, const Tensor& h,
                           const Parameter& features, const Parameter& bias, const Tensor* shared,
                           int padding, const Precision& precision) {
    return libtorch::joint_conv(z, weight, h, features, bias, shared, padding, precision);
  }
  /// The result of a bound Reversible<L>, with gradients by rebuilding (reversible.hpp).
  template <class Bound, class X, class Maps>
  static typename Bound::Result rebuilt_backward(const Bound& bound, const X& x, const Maps& features) {
    return libtorch::rebuilt_backward(bound, x, features);
  }
  /// Zero mean and unit variance over the channels of each pixel, then scaled and shifted.
  static Tensor layer_norm(const Tensor& x, const Parameter& scale, const Parameter& shift) {
    return at::layer_norm(x.permute({0, 2, 3, 1}), {x.size(1)}, cast(scale, x.scalar_type()),
                          cast(shift, x.scalar_type()))
        .permute({0, 3, 1, 2});
  }
  /// Zero mean and unit variance per sample and channel.
  static Tensor instance_norm(const Tensor& x) { return InstanceNorm::apply(x); }

  // Small matrices.
  static PerSample log_abs_det(const Matrix& w) { return libtorch::log_abs_det(w); }
  static Matrix inverse(const Matrix& w) { return libtorch::inverse(w); }
  /// The product of the reflections 1 - 2 v v^T / v^T v of the rows v of a parameter, as 1 - V^T T V with
  /// T^-1 = triu(V V^T, 1) + diag(V V^T) / 2 (Joffrain et al., Accumulating Householder transformations, revisited, 2006).
  static Matrix reflections(const Parameter& v) {
    const at::NoTF32Guard whole_numbers;
    const auto gram = v.matmul(v.t());
    const auto factor = gram.triu(1) + at::diag(at::diagonal(gram) * 0.5);
    return at::eye(v.size(1), v.options()) -
           v.t().matmul(at::linalg_solve_triangular(factor, v, /*upper=*/true));
  }
  static Matrix transposed(const Matrix& m) { return m.t(); }
  static Matrix plu_product(const Matrix& permutation, const Matrix& lower, const Matrix& upper,
                            const Tensor& diagonal) {
    return permutation.matmul((lower.tril(-1) + at::eye(lower.size(0), lower.options()))
                                  .matmul(upper.triu(1) + at::diag(diagonal)));
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
  /// One number for all samples.
  static PerSample constant(double value, const Tensor& like) {
    return at::scalar_tensor(value, like.options());
  }
  static std::vector<double> to_host(const Tensor& x) {
    const auto flat = x.detach().to(at::kCPU, at::kDouble).contiguous();
    return {flat.data_ptr<double>(), flat.data_ptr<double>() + flat.numel()};
  }
  static bool all_integers_within(const Tensor& x, double low, double high) {
    return holds_for_all(
        x, [&](const Tensor& part) { return (part >= low) & (part <= high) & (part == at::floor(part)); });
  }
  /// Whether to look at x's numbers is to wait for a device.
  static bool waits_for(const Tensor& x) { return !x.is_cpu(); }
  static Tensor nan_unless_integer(const Tensor& x, double low, double high) {
    const auto good = (x >= low) & (x <= high) & (x == at::floor(x));
    return at::where(good, x, at::full({}, std::numeric_limits<double>::quiet_NaN(), x.options()));
  }
  static bool all_finite(const Tensor& x) {
    return holds_for_all(x, [](const Tensor& part) { return at::isfinite(part); });
  }

  /// Calls visit(dotted name, parameter) for everything that a checkpoint holds.
  template <class Visit>
  static void for_each_parameter(const Module& module, const Visit& visit) {
    for (const auto& p : module.named_parameters()) visit(p.key(), p.value());
    for (const auto& b : module.named_buffers()) visit(b.key(), b.value());
  }
  static io::DType dtype(const Parameter& p) {
    return p.scalar_type() == at::kDouble     ? io::DType::f64
           : p.scalar_type() == at::kBFloat16 ? io::DType::bf16
                                              : io::DType::f32;
  }
  static std::vector<long> sizes(const Parameter& p) { return {p.sizes().begin(), p.sizes().end()}; }
  /// Numbers for a parameter: fill(first, count, to) writes some of them, in row-major order, to floats or doubles;
  /// and the parameter's to be these.
  template <class Fill>
  static Numbers numbers(const Parameter& p, const Fill& fill) {
    const auto t = at::empty(p.sizes(), p.scalar_type() == at::kDouble ? at::kDouble : at::kFloat);
    if (t.scalar_type() == at::kDouble)
      fill(0L, long(t.numel()), t.data_ptr<double>());
    else
      fill(0L, long(t.numel()), t.data_ptr<float>());
    return t;
  }
  static void assign(const Parameter& p, const Numbers& numbers) {
    at::NoGradGuard no_grad;
    p.copy_(numbers);
  }
  static void assign(const Parameter& p, const std::vector<double>& values) {
    expect_numbers(long(p.numel()), long(values.size()));
    assign(p, numbers(p, HostNumbers{values}));
  }

  /// x in the precision and on the device of the model that has this parameter.
  static Tensor like(Tensor x, const Parameter& p) {
    return p.defined() ? x.to(p.device(), p.scalar_type()) : x;
  }
  /// Module::to() would make floating point of integers that a module of the user's has.
  static void place(Module& module, const Placement& p) {
    const at::NoGradGuard no_grad;
    const auto move = [&](at::Tensor t) {
      t.set_data(t.is_floating_point() ? t.to(p.device, p.dtype) : t.to(p.device));
    };
    for (const auto& t : module.parameters()) move(t);
    for (const auto& t : module.buffers()) move(t);
  }

 private:
  /// Part by part: what LibTorch makes on the way is as large as its argument.
  template <class Holds>
  static bool holds_for_all(const Tensor& x, const Holds& holds) {
    for (const auto& part : x.reshape({-1}).split(std::int64_t{1} << 20))
      if (!holds(part).all().template item<bool>()) return false;
    return true;
  }
  static Tensor column(const Tensor& v) { return v.view({1, -1, 1, 1}); }
};

}  // namespace cnf::libtorch
