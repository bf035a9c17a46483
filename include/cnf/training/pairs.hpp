// Inputs and targets of a step, and how a model takes them.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <functional>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "cnf/backend/libtorch/distributed/replicas.hpp"
#include "cnf/libtorch.hpp"

namespace cnf::training {

struct Pairs {
  at::Tensor x, y;  // x: undefined where the model has no condition
  /// Inputs after the first, of a model that has several, in the order of its Pair.
  std::vector<at::Tensor> more{};
  /// These are one process's part of a batch of `of`, from its sample `first` on; 0: all of it.
  long first = 0, of = 0;

  /// Samples first .. first + count - 1 of these.
  Pairs rows(long from, long count) const {
    auto part = *this;
    part.for_each([&](at::Tensor& t) { t = t.narrow(0, from, count); });
    part.first += from;
    return part;
  }

  /// visit(tensor) for all of them that there are.
  template <class Visit>
  void for_each(Visit visit) {
    each(*this, visit);
  }
  /// visit(tensor) for all that there are.
  template <class Visit>
  void for_each(Visit visit) const {
    each(*this, visit);
  }

 private:
  template <class Self, class Visit>
  static void each(Self& self, Visit& visit) {
    for (auto* t : {&self.x, &self.y})
      if (t->defined()) visit(*t);
    for (auto& t : self.more) visit(t);
  }
};

/// Where a training's samples come from: batch(step), which gives all of a step, or batch(step, share), which gives those of
/// one of several processes, for data that cost much to read. The same samples for the same step, whoever asks. On CUDA
/// another thread calls it, too, but never two at once.
class Batches {
 public:
  Batches() = default;
  /// A function of the step: the whole batch.
  template <class F>
  requires std::is_invocable_r_v<Pairs, F&, std::int64_t> Batches(F batch)
      : get_([batch = std::move(batch)](std::int64_t step, const distributed::Replicas& replicas, long) {
          Pairs all = batch(step);
          if (replicas.size() == 1) return all;
          const auto share = replicas.share_of(all.y.size(0));
          return of(share, all.rows(share.first, share.count));
        }) {}
  /// Of the step and a share of its batch.
  template <class F>
  requires std::is_invocable_r_v<Pairs, F&, std::int64_t, distributed::Share> Batches(F batch)
      : get_([batch = std::move(batch)](std::int64_t step, const distributed::Replicas& replicas, long size) {
          const auto share = replicas.share_of(size);
          return of(share, batch(step, share));
        }) {}

  /// This process's part of the batch of a step, which has `size` samples in all.
  Pairs operator()(std::int64_t step, const distributed::Replicas& replicas, long size) const {
    return get_(step, replicas, size);
  }

 private:
  static Pairs of(const distributed::Share& share, Pairs part) {
    if (part.y.size(0) != share.count)
      throw Error("expected " + std::to_string(share.count) + " samples of a batch of " +
                  std::to_string(share.of) + ", got " + std::to_string(part.y.size(0)));
    part.first = share.first;
    part.of = share.of;
    return part;
  }

  std::function<Pairs(std::int64_t, const distributed::Replicas&, long)> get_;
};

/// p(. | x) of these pairs.
template <class Spec>
auto given(const libtorch::Model<Spec>& model, const Pairs& pairs) {
  using Model = libtorch::Model<Spec>;
  std::vector<at::Tensor> all;
  if (pairs.x.defined()) all.push_back(pairs.x);
  all.insert(all.end(), pairs.more.begin(), pairs.more.end());
  typename Model::Inputs inputs;
  std::size_t expected = 0;
  for_each_input<typename Spec::input>(inputs, [&]<class S>(at::Tensor& t) {
    if (expected < all.size()) t = all[expected];
    ++expected;
  });
  if (all.size() != expected)
    throw Error("expected batches of " + std::to_string(expected) + " inputs, got " +
                std::to_string(all.size()));
  const Extents size{pairs.y.size(2), pairs.y.size(3)};
  if constexpr (Model::unconditional)
    return model.given(pairs.y.size(0), size);
  else if constexpr (Model::knows_size)
    return model.given(inputs);
  else
    return model.given(inputs, size);
}

}  // namespace cnf::training
