// Models for tests: away from their initial values, as after a training; and their parameters as numbers.
//
//   libtorch::Model<Spec> model({.seed = 1});
//   testing::make_ready(model);
//   CHECK(testing::numbers_of(model) == testing::numbers_of(other));
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "cnf/model/model.hpp"
#include "cnf/testing/perturb.hpp"

namespace cnf::testing {

/// Ready for evaluation without a training batch: scale * normal noise added to every trained parameter, every ActNorm initialised.
template <class Spec, class B>
void make_ready(Model<Spec, B>& model, double scale = 0.1, std::uint64_t seed = 1) {
  perturb<B>(model, seed, scale);
  mark_initialised<B>(model);
  if constexpr (requires { model.eval(); }) model.eval();
}

/// What a checkpoint would hold: the numbers of every parameter, by name.
template <class Spec, class B>
std::map<std::string, std::vector<double>> numbers_of(const Model<Spec, B>& model) {
  std::map<std::string, std::vector<double>> all;
  B::for_each_parameter(
      model, [&](const std::string& name, const typename B::Parameter& p) { all[name] = B::to_host(p); });
  return all;
}

}  // namespace cnf::testing
