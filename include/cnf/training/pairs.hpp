// Inputs and targets of a step, and how a model takes them.
#pragma once

#include <ATen/core/Tensor.h>

#include <vector>

#include "cnf/libtorch.hpp"

namespace cnf::training {

struct Pairs {
  at::Tensor x, y;  // x: undefined where the model has no condition
  std::vector<at::Tensor>
      more{};  // inputs after the first, of a model that has several, in the order of its Pair

  /// change(tensor) for all of them that there are.
  template <class Change>
  void for_each(Change change) {
    for (auto* t : {&x, &y})
      if (t->defined()) change(*t);
    for (auto& t : more) change(t);
  }
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
