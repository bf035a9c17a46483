// Workload W: the flow of the paper's super-resolution model (Winkler et al., 2019) alone. Target (N, 3, 32,
// 32), L = 2 levels of K steps, coupling width 512, features of 128 channels at 16x16 and 8x8, given.
//
//   log_prob  forward, on either backend
//   sample    the inverse, one sample an input, on either backend
//   many      the inverse, N samples of 4 inputs
//   train     log_prob and its gradient with respect to parameters and features, on LibTorch
#pragma once

#include <optional>

#include "cnf/libtorch.hpp"
#include "cnf/testing/perturb.hpp"

namespace workload {

using Image = cnf::Shape<3, 32, 32>;
using Features = cnf::Features<cnf::Shape<128, 16, 16>, cnf::Shape<128, 8, 8>>;

using Step = cnf::Sequential<cnf::ActNorm, cnf::InvConv1x1, cnf::AffineCoupling<cnf::ConvNet<512>>>;
template <int K>
using Level = cnf::Sequential<cnf::Squeeze, cnf::Repeat<K, Step>>;
template <int K>
using Flow = cnf::Sequential<Level<K>, cnf::Split, Level<K>, cnf::Prior>;

/// W bound: parameters like those of a trained flow, and inputs, in float; on the CPU if nothing else is wanted.
template <class Flow, class B>
class Bound {
 public:
  using Latents = cnf::latents_t<Flow, Image, Features>;

  /// `inputs` of the features; `samples` of the target.
  Bound(long samples, long inputs, typename B::Precision networks = {}, bool reversible = false,
        const typename B::Placement& placement = {})
      : samples_(samples),
        networks_(networks),
        part_(cnf::Scope<B>(module_, 1, networks).rebuilt(reversible)) {
    B::place(module_, placement);
    cnf::testing::perturb<B>(module_, 1, 0.005);
    cnf::testing::mark_initialised<B>(module_);
    typename B::Parameter one{};
    B::for_each_parameter(module_, [&](const std::string&, const typename B::Parameter& p) { one = p; });
    const auto random = [&](int number, const std::array<long, 4>& sizes) {
      return cnf::noise_batch<B>({.seed = 1}, cnf::Stream::user, number, cnf::Distribution::normal, 1, sizes,
                                 one);
    };
    y_ = random(0, {samples, 3, 32, 32});
    maps_.data = {random(1, {inputs, 128, 16, 16}), random(2, {inputs, 128, 8, 8})};
    latents_.data = {random(3, {samples, 6, 16, 16}), random(4, {samples, 24, 8, 8})};
  }

  typename B::PerSample log_prob() const { return log_prob(y_, maps_); }

  typename B::Tensor sample() const {
    const typename B::NoGradients no_gradients;
    auto h = part_.prepare(maps_);
    const auto count = samples_ / B::samples(maps_.data[0]);
    if (count > 1)
      for (auto& map : h.data) map = B::repeat_samples(map, count);
    auto latents = latents_;
    auto last = latents.template get<1>();
    return part_.flow
        .inverse(std::move(last),
                 cnf::stretch<typename cnf::checked_t<Flow, Image, Features>::latents, 0>(std::move(latents)),
                 h)
        .data;
  }

 protected:
  using Maps = cnf::Maps<B, Features>;

  typename B::PerSample log_prob(const typename B::Tensor& y, const Maps& maps) const {
    const auto out = part_.flow.forward(cnf::Batch<B, Image>(y), part_.prepare(maps));
    return out.log_det + cnf::standard_normal_log_density<B>(out.y.data) +
           cnf::standard_normal_log_density<B>(out.latents.data[0]);
  }

  typename B::Module module_;
  long samples_;
  typename B::Precision networks_;
  cnf::Conditioned<Flow, B, Image, Features> part_;
  typename B::Tensor y_;
  Maps maps_;
  cnf::Maps<B, Latents> latents_;
};

template <class Flow>
class Trainable : public Bound<Flow, cnf::libtorch::Backend> {
 public:
  using Base = Bound<Flow, cnf::libtorch::Backend>;
  using Base::Base;

  /// Gradients of these are wanted, and there from the start, as an optimiser leaves them.
  std::vector<at::Tensor> leaves() {
    auto all = this->module_.parameters();
    for (auto& map : this->maps_.data) all.push_back(map.requires_grad_());
    return all;
  }

  /// Calls pass() while the parameters are converted, once, to the networks' precision, as training::Step does.
  template <class Pass>
  void converted_once(const Pass& pass) const {
    std::optional<cnf::libtorch::CastOnce> converted;
    if (this->networks_) converted.emplace(this->module_.parameters(), *this->networks_);
    pass();
  }

  /// One train step's gradients, made anew: a graph can hold it.
  void train_anew() {
    for (auto& leaf : leaves()) leaf.mutable_grad() = at::Tensor();
    converted_once([&] { (-Base::log_prob().mean()).backward(); });
  }

  /// One train step's gradients, `rows` samples at a time; zeroes the old ones, where there are any.
  void train(long rows) {
    for (auto& leaf : leaves())
      if (leaf.grad().defined()) leaf.mutable_grad().zero_();
    cnf::libtorch::backward_in_pieces(this->module_, this->samples_, rows, [&](long first, long n) {
      auto maps = this->maps_;
      for (auto& map : maps.data) map = map.narrow(0, first, n);
      return -this->log_prob(this->y_.narrow(0, first, n), maps).mean();
    });
  }
};

}  // namespace workload
