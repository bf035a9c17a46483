// Bernoulli densities of masks y in {0, 1} from a network's output l, in nats; stable for any l.
//
//   Bernoulli                       P(1) = sig(l),  log P(y) = -softplus(-(2y - 1) l)
//   WeightedBernoulli<W1, W0>       what weighted cross-entropy trains, made a distribution (Winkler et
//                                   al., 2019, eq. 9): with a = w1 log sig(l), b = w0 log sig(-l),
//                                   P(1) = e^a / (e^a + e^b) = sig(a - b); weights in percent
//
// The paper's exponents are printed in exchanged places; WeightedBernoulli<90, 10> (vessels weigh 0.9) makes
// sense of its number, WeightedBernoulli<10, 90> is the literal one. `loss` is what training minimises: the
// cross-entropy, weighted without the normaliser.
#pragma once

#include <string>

namespace cnf {

/// log P(y) for every element; `logit` = log P(1) - log P(0).
template <class B>
typename B::Tensor bernoulli_log_prob(const typename B::Tensor& y, const typename B::Tensor& logit) {
  return -B::softplus((y * -2.0 + 1.0) * logit);
}

struct Bernoulli {
  static std::string describe() { return "Bernoulli"; }

  template <class B>
  static typename B::Tensor logit(const typename B::Tensor& l) {
    return l;
  }
  template <class B>
  static typename B::Tensor loss(const typename B::Tensor& y, const typename B::Tensor& l) {
    return -bernoulli_log_prob<B>(y, l);
  }
};

template <int W1 = 90, int W0 = 10>
struct WeightedBernoulli {
  static_assert(W1 > 0 && W0 > 0, "cnf: WeightedBernoulli<W1, W0> needs positive weights, in percent");
  /// The weights of ones and zeros.
  static constexpr double w1 = W1 / 100.0, w0 = W0 / 100.0;

  static std::string describe() {
    return "WeightedBernoulli<" + std::to_string(W1) + ", " + std::to_string(W0) + ">";
  }

  template <class B>
  static typename B::Tensor logit(const typename B::Tensor& l) {
    return B::softplus(l) * w0 - B::softplus(-l) * w1;
  }
  template <class B>
  static typename B::Tensor loss(const typename B::Tensor& y, const typename B::Tensor& l) {
    return B::softplus(-l) * y * w1 + B::softplus(l) * (y * -1.0 + 1.0) * w0;
  }
};

}  // namespace cnf
