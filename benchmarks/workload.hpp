// Workload W: the flow of the paper's super-resolution model (Winkler et al., 2019) alone. Target (N, 3, 32,
// 32), L = 2 levels of K steps, coupling width 512, features of 128 channels at 16x16 and 8x8, given.
//
//   train    log_prob and its gradient with respect to parameters and features
//   sample   the inverse, one sample an input
//   many     the inverse, N samples of 4 inputs
#pragma once

#include "cnf/libtorch.hpp"

namespace workload {

using B = cnf::libtorch::Backend;
using Image = cnf::Shape<3, 32, 32>;
using Features = cnf::Features<cnf::Shape<128, 16, 16>, cnf::Shape<128, 8, 8>>;

using Step = cnf::Sequential<cnf::ActNorm, cnf::InvConv1x1, cnf::AffineCoupling<cnf::ConvNet<512>>>;
template <int K>
using Level = cnf::Sequential<cnf::Squeeze, cnf::Repeat<K, Step>>;
template <int K>
using Flow = cnf::Sequential<Level<K>, cnf::Split, Level<K>, cnf::Prior>;

/// W bound: parameters like those of a trained flow, inputs, and one run of each case.
template <class Flow>
class Bound {
 public:
  using Latents = cnf::latents_t<Flow, Image, Features>;

  /// `inputs` of the features; `samples` of the target.
  Bound(long samples, long inputs, B::Precision networks = {}, bool reversible = false)
      : samples_(samples), part_(cnf::Scope<B>(module_, 1, networks).rebuilt(reversible)) {
    B::place(module_, {});
    at::manual_seed(1);
    at::NoGradGuard no_grad;
    for (auto& p : module_.parameters()) p.add_(at::randn_like(p) * (p.dim() == 4 ? 0.005 : 0.01));
    for (const auto& b : module_.named_buffers()) B::set(b.value(), 1);
    y_ = at::randn({samples, 3, 32, 32});
    maps_.data = {at::randn({inputs, 128, 16, 16}), at::randn({inputs, 128, 8, 8})};
    latents_.data = {at::randn({samples, 6, 16, 16}), at::randn({samples, 24, 8, 8})};
  }

  torch::nn::Module& module() { return module_; }
  long samples() const { return samples_; }

  /// Gradients of these are wanted, and there from the start, as an optimiser leaves them.
  std::vector<at::Tensor> leaves() {
    auto all = module_.parameters();
    for (auto& map : maps_.data) all.push_back(map.requires_grad_());
    return all;
  }

  at::Tensor log_prob() const { return log_prob(0, samples_); }
  /// Of samples first .. first + rows - 1.
  at::Tensor log_prob(long first, long rows) const {
    auto maps = maps_;
    for (auto& map : maps.data) map = map.narrow(0, first, rows);
    const auto out = part_.flow.forward(cnf::Batch<B, Image>(y_.narrow(0, first, rows)), part_.prepare(maps));
    return out.log_det + cnf::standard_normal_log_density<B>(out.y.data) +
           cnf::standard_normal_log_density<B>(out.latents.data[0]);
  }

  /// One train step's gradients, `rows` samples at a time; zeroes the old ones.
  void train(long rows) {
    for (auto& leaf : leaves()) leaf.mutable_grad().zero_();
    cnf::libtorch::backward_in_pieces(module_, samples_, rows,
                                      [&](long first, long n) { return -log_prob(first, n).mean(); });
  }

  at::Tensor sample() const {
    at::NoGradGuard no_grad;
    auto h = part_.prepare(maps_);
    const auto count = samples_ / maps_.data[0].size(0);
    if (count > 1)
      for (auto& map : h.data) map = B::repeat_samples(map, count);
    const auto emitted = cnf::stretch<typename cnf::checked_t<Flow, Image, Features>::latents, 0>(latents_);
    return part_.flow.inverse(latents_.template get<1>(), emitted, h).data;
  }

 private:
  torch::nn::Module module_;
  long samples_;
  cnf::Conditioned<Flow, B, Image, Features> part_;
  at::Tensor y_;
  cnf::Maps<B, Features> maps_;
  cnf::Maps<B, Latents> latents_;
};

}  // namespace workload
