// Moves the parameters of a module away from their initial values, which hide what a layer does: the last
// convolution of a network starts at zero, so a new flow is close to the identity whatever its networks do.
//
//   cnf::testing::perturb<B>(module, 1, 0.1);  cnf::testing::mark_initialised<B>(module);
#pragma once

#include "cnf/core/scope.hpp"

namespace cnf::testing {

/// Adds scale * normal noise, keyed by seed and name, to every trained parameter.
template <class B>
void perturb(typename B::Module& module, std::uint64_t seed = 1, double scale = 0.1) {
  const Scope<B> scope(module, seed);
  B::for_each_parameter(module, [&](const std::string& name, const typename B::Parameter& p) {
    if (!B::is_trained(p)) return;
    auto key = scope.key(name);
    key.stream = Stream::user;
    auto values = B::to_host(p);
    std::vector<double> noise(values.size());
    key.fill(noise.data(), noise.size(), Distribution::normal, scale);
    for (std::size_t i = 0; i < values.size(); ++i) values[i] += noise[i];
    B::assign(p, values);
  });
}

/// As after a training batch: every ActNorm may be used.
template <class B>
void mark_initialised(const typename B::Module& module) {
  B::for_each_parameter(module, [](const std::string& name, const typename B::Parameter& p) {
    if (name.ends_with("initialised")) B::set(p, 1);
  });
}

}  // namespace cnf::testing
