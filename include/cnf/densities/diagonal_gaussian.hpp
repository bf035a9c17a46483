// The diagonal Gaussian, as density of latents and as the whitening map of priors.
//
//   standard: log N(e; 0, 1) = -1/2 sum (e^2 + log 2 pi)                      nats, per sample
//   whitening: e = (z - mu) exp(-log_sigma),  log|de/dz| = -sum log_sigma,  log_sigma = 3 tanh(raw / 3)
//
// so log N(z; mu, sigma) = log N(e; 0, 1) + log|de/dz|. The bound keeps sigma within [0.05, 20]: no
// likelihood of a point mass, no exploding sample (after Kingma and Dhariwal's exp(log_sigma), with a floor
// and a ceiling).
#pragma once

#include <numbers>

#include "cnf/core/layer.hpp"

namespace cnf {

/// log N(latent; 0, 1) per sample, nats.
template <class B>
typename B::PerSample standard_normal_log_density(const typename B::Tensor& latent) {
  const double log_two_pi = std::log(2 * std::numbers::pi);
  return B::sum(latent * latent + log_two_pi) * -0.5;
}

namespace detail {

/// N(mu, sigma) from a network's 2C output channels: C of mu, then C of raw log-sigma.
template <class B>
struct Whitening {
  typename B::Tensor mu, log_sigma;

  Whitening(const typename B::Tensor& raw, int channels)
      : mu(B::channels_of(raw, 0, channels)),
        log_sigma(B::tanh(B::channels_of(raw, channels, channels) * (1.0 / 3)) * 3.0) {}

  typename B::Tensor whiten(const typename B::Tensor& z) const { return (z - mu) * B::exp(-log_sigma); }
  typename B::Tensor colour(const typename B::Tensor& e) const { return e * B::exp(log_sigma) + mu; }
  typename B::PerSample log_det() const { return -B::sum(log_sigma); }
};

}  // namespace detail
}  // namespace cnf
