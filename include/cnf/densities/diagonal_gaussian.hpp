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

/// The whitening map of N(mu, sigma), from a network's output of mu and raw log-sigma for each channel that it whitens.
/// The first channels of z may stay as they are.
template <class B>
struct Whitening {
  using Tensor = typename B::Tensor;
  static constexpr double bound = 3;

  /// A network's output, in its own precision.
  Tensor raw;

  struct Result {
    Tensor kept, e;  // kept: none where every channel is whitened
    typename B::PerSample log_det;
  };

  Result whiten(const Tensor& z, int kept) const {
    if constexpr (requires { B::whitened(z, raw, 0L, bound); }) {
      auto all = B::whitened(z, raw, kept, bound);
      return {std::move(all.kept), std::move(all.e), std::move(all.log_det)};
    } else {
      const int count = int(B::channels(z)) - kept;
      const auto said = B::to_state(raw, z);
      const auto sigma = log_sigma(said, count);
      const auto w = kept > 0 ? B::channels_of(z, kept, count) : z;
      return {kept > 0 ? B::channels_of(z, 0, kept) : Tensor(),
              (w - B::channels_of(said, 0, count)) * B::exp(-sigma), -B::sum(sigma)};
    }
  }

  /// z from what stayed, or nothing, and e.
  Tensor colour(const Tensor* kept, const Tensor& e) const {
    if constexpr (requires { B::coloured(e, e, raw, bound); }) {
      return B::coloured(kept ? *kept : Tensor(), e, raw, bound);
    } else {
      const int count = int(B::channels(e));
      const auto said = B::to_state(raw, e);
      const auto w = e * B::exp(log_sigma(said, count)) + B::channels_of(said, 0, count);
      return kept ? B::concat(*kept, w) : w;
    }
  }

 private:
  static Tensor log_sigma(const Tensor& said, int count) {
    return B::tanh(B::channels_of(said, count, count) * (1 / bound)) * bound;
  }
};

}  // namespace detail
}  // namespace cnf
