// UnconditionalFlow: p(y) as a flow of y, without a condition (Dinh et al., Real NVP, 2017).
//
//   using Moons = UnconditionalFlow<Shape<2>, Sequential<Repeat<6, Sequential<SplineCoupling<ResidualMlp<64>>, InvConv1x1>>, Prior>>;
//
//   libtorch::Model<Moons> model({.seed = 1});
//   model.log_prob(y);  model.sample({.count = 1000});        a target of dynamic size: model.sample({...}, {height, width})
//
// log p(y) = log N(latents; 0, 1) + log|det| + dequantization's log-det, nats. A model spec; everything else as in
// ConditionalFlow.
#pragma once

#include "cnf/model/conditional_flow.hpp"
#include "cnf/nets/extractor.hpp"

namespace cnf {

template <class Target, class Layers, class Dequantizer = Continuous>
struct UnconditionalFlow : ConditionalFlow<Target, Nothing, Unconditional, Layers, Dequantizer> {
  static std::string describe() {
    return "UnconditionalFlow<" + shape_text<Target>() + ", " +
           detail::described_list<Layers, Dequantizer>() + ">";
  }
};

}  // namespace cnf
