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
  typename libtorch::Model<Spec>::Inputs inputs;
  std::size_t next = 0;
  for_each_input<typename Spec::input>(inputs, [&]<class S>(at::Tensor& t) {
    if (next > pairs.more.size())
      throw Error("expected more inputs in the batch, got " + std::to_string(1 + pairs.more.size()));
    t = next == 0 ? pairs.x : pairs.more[next - 1];
    ++next;
  });
  if constexpr (libtorch::Model<Spec>::knows_size)
    return model.given(inputs);
  else
    return model.given(inputs, Extents{pairs.y.size(2), pairs.y.size(3)});
}

}  // namespace cnf::training
