// Sums of gradients over processes, begun while the backward pass still runs (as in Li et al., PyTorch Distributed, VLDB
// 2020): parameters lie in buckets, and a bucket is on its way as soon as all its gradients are made.
//
//   GradientBuckets buckets(replicas, parameters);
//   buckets.begin();  loss.backward();  buckets.finish();      every .grad() is now the sum over all processes
//
// The first pass only learns in which order gradients are made, and how often each is added to (Reversible adds in parts);
// the first process's order is everybody's. A parameter without a gradient counts as one of zeros; a gradient that is
// changed after it was sent is an Error.
#pragma once

#include <ATen/ATen.h>
#include <torch/csrc/autograd/function.h>
#include <torch/csrc/autograd/utils/lambda_post_hook.h>
#include <torch/csrc/autograd/variable.h>

#include <memory>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "cnf/backend/libtorch/distributed/replicas.hpp"
#include "cnf/backend/libtorch/flat.hpp"

namespace cnf::distributed {

class GradientBuckets {
 public:
  /// About `bytes` in a bucket.
  GradientBuckets(Replicas& replicas, const std::vector<at::Tensor>& parameters,
                  std::size_t bytes = std::size_t{4} << 20)
      : state_(
            std::make_shared<State>(State{.replicas = replicas, .parameters = parameters, .bytes = bytes})) {}

  /// Gradients made from here to finish() are the last of this step.
  void begin() {
    auto& s = *state_;
    s.listens = s.replicas.size() > 1;
    if (!s.listens) return;
    if (s.accumulators.empty()) listen();
    s.next = 0;
    s.sent.clear();
    s.changed_late = false;
    std::fill(s.made.begin(), s.made.end(), 0);
    for (auto& b : s.buckets) b.missing = long(b.members.size());
  }

  /// Waits for the sums, and writes them into the gradients.
  void finish() {
    auto& s = *state_;
    if (!s.listens) return;
    s.listens = false;
    if (s.buckets.empty()) s.learn();
    if (s.changed_late)
      throw Error(
          "GradientBuckets: expected gradients that are added to as often as in the first step, got more");
    while (s.next < s.buckets.size()) s.send_next();
    for (std::size_t b = 0; b < s.sent.size(); ++b) {
      s.sent[b].wait();
      const auto members = s.parameters_of(s.buckets[b]);
      const auto sums = libtorch::detail::split_flat(s.sent[b].numbers, members);
      for (std::size_t i = 0; i < members.size(); ++i) members[i].mutable_grad() = sums[i];
    }
    s.sent.clear();
  }

  /// How many; 0 before the first pass.
  std::size_t count() const { return state_->buckets.size(); }
  /// How many of the latest pass were on their way before it ended.
  std::size_t overlapped() const { return state_->overlapped; }

 private:
  using Variables = std::vector<at::Tensor>;

  /// At the first pass and not before: on CUDA an accumulator belongs to the stream on which it is made, and a graph is
  /// captured on another than the usual one.
  void listen() {
    auto& s = *state_;
    s.made.resize(s.parameters.size());
    for (std::size_t i = 0; i < s.parameters.size(); ++i) {
      auto accumulator = torch::autograd::impl::grad_accumulator(s.parameters[i]);
      // hooks outlive this class where the module does
      accumulator->add_post_hook(std::make_unique<torch::autograd::utils::LambdaPostHook>(
          [weak = std::weak_ptr<State>(state_), i](const Variables& outputs, const Variables&) {
            if (const auto state = weak.lock()) state->is_made(i);
            return outputs;
          }));
      s.accumulators.push_back(std::move(accumulator));
    }
  }

  struct Bucket {
    std::vector<std::size_t> members;
    long missing = 0;
  };
  struct Sent {
    at::Tensor numbers;
    std::function<void()> wait;
  };
  struct State {
    Replicas& replicas;
    std::vector<at::Tensor> parameters;
    std::size_t bytes;
    std::vector<std::shared_ptr<torch::autograd::Node>> accumulators{};
    bool listens = false, changed_late = false;
    std::vector<int> made{}, expected{};  // how often each gradient was added to
    std::vector<std::size_t> order{};     // in which they were, in the first pass
    std::vector<std::size_t> bucket_of{};
    std::vector<Bucket> buckets{};
    std::size_t next = 0, overlapped = 0;
    std::vector<Sent> sent{};

    void is_made(std::size_t i) {
      if (!listens) return;
      ++made[i];
      if (buckets.empty()) {
        order.push_back(i);
        return;
      }
      if (made[i] > expected[i]) changed_late = true;
      if (made[i] != expected[i]) return;
      --buckets[bucket_of[i]].missing;
      while (next < buckets.size() && buckets[next].missing == 0) send_next();
      overlapped = next;
    }

    std::vector<at::Tensor> parameters_of(const Bucket& bucket) const {
      std::vector<at::Tensor> all;
      for (const auto i : bucket.members) all.push_back(parameters[i]);
      return all;
    }

    void send_next() {
      const auto members = parameters_of(buckets[next++]);
      std::vector<at::Tensor> gradients;
      for (const auto& p : members) gradients.push_back(p.grad());
      const at::NoGradGuard no_grad;
      auto numbers = libtorch::detail::joined_flat(gradients, members);
      auto wait = replicas.begin_sum(numbers);
      sent.push_back({std::move(numbers), std::move(wait)});
    }

    /// The first process's order, by when each was last added to, cut into buckets.
    void learn() {
      std::ostringstream mine;
      std::vector<bool> is_listed(parameters.size());
      std::vector<std::size_t> last_first;
      for (auto i = order.rbegin(); i != order.rend(); ++i)
        if (!is_listed[*i]) {
          is_listed[*i] = true;
          last_first.push_back(*i);
        }
      for (std::size_t i = 0; i < parameters.size(); ++i)
        if (!is_listed[i]) mine << i << ' ' << 1 << ' ';  // never made: begins nothing early
      for (const auto i : last_first) mine << i << ' ' << made[i] << ' ';
      std::istringstream first(replicas.gather(mine.str())[0]);
      std::vector<std::size_t> all(parameters.size());
      expected.resize(parameters.size());
      for (auto i = all.rbegin(); i != all.rend(); ++i) {
        first >> *i;
        if (!first || *i >= parameters.size())
          throw Error("GradientBuckets: expected an order of parameters");
        first >> expected[*i];
      }
      bucket_of.resize(parameters.size());
      std::size_t filled = bytes;  // so that the first begins a bucket
      for (const auto i : all) {
        const auto size = std::size_t(parameters[i].numel()) * parameters[i].element_size();
        if (filled + size > bytes) {
          buckets.emplace_back();
          filled = 0;
        }
        filled += size;
        bucket_of[i] = buckets.size() - 1;
        buckets.back().members.push_back(i);
      }
      order.clear();
    }
  };

  std::shared_ptr<State> state_;
};

}  // namespace cnf::distributed
