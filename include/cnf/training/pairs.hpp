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

  /// visit(tensor) for all of them that there are.
  template <class Visit>
  void for_each(Visit visit) {
    each(*this, visit);
  }
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
