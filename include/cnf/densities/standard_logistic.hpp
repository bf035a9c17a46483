// The standard logistic, base density of noise flows: log p(e) = sum (log sig(e) + log sig(-e))   nats, per
// sample.
#pragma once

namespace cnf {

/// log density, nats per sample.
template <class B>
typename B::PerSample standard_logistic_log_density(const typename B::Tensor& e) {
  return -B::sum(B::softplus(e) + B::softplus(-e));
}

}  // namespace cnf
