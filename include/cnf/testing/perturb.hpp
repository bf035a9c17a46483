// Moves the parameters of a module away from their initial values, which hide what a layer does: the last
// convolution of a network starts at zero, so a new flow is close to the identity whatever its networks do.
//
//   torch::nn::Module module;  ...  cnf::testing::perturb(module, 1, 0.1);
#pragma once

#include "cnf/libtorch.hpp"

namespace cnf::testing {

/// Adds scale * normal noise, keyed by seed and name, to every trained parameter: away from initial values.
inline void perturb(torch::nn::Module& module, std::uint64_t seed = 1, double scale = 0.1) {
  at::NoGradGuard no_grad;
  for (const auto& p : module.named_parameters()) {
    auto key = Scope<libtorch::Backend>(module, seed).key(p.key());
    key.stream = Stream::user;
    std::vector<double> noise(std::size_t(p.value().numel()));
    key.fill(noise.data(), noise.size(), Distribution::normal, scale);
    p.value().add_(
        libtorch::Backend::from_host(noise, {1, 1, 1, p.value().numel()}, p.value()).view_as(p.value()));
  }
}

}  // namespace cnf::testing
