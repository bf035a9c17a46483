// What a number of bits is: exact, a bound, or an importance-weighted estimate. A flow on discrete data is a
// bound: dequantization only lower-bounds log P(y|x) (Theis et al., A note on the evaluation of generative
// models, 2016).
#pragma once

#include <string>

namespace cnf {

enum class Likelihood { exact, bound, importance_weighted };

/// In words.
inline std::string to_string(Likelihood kind) {
  switch (kind) {
    case Likelihood::exact:
      return "exact";
    case Likelihood::bound:
      return "bound";
    case Likelihood::importance_weighted:
      return "importance-weighted";
  }
  return "?";
}

/// Bits per dimension, one number per sample: -log p / (D log 2), D = C H W of the target as given, without
/// padding.
template <class B>
struct BitsPerDim {
  /// One a sample.
  typename B::PerSample values;
  /// What they are.
  Likelihood kind = Likelihood::bound;
  /// Of the noise of dequantization.
  int draws = 1;
  /// Of an importance-weighted estimate: how many draws carry it, 1 .. draws, per sample (Kong, 1992). Few of
  /// many: the estimate is still close to the bound.
  typename B::PerSample effective_draws{};
};

}  // namespace cnf
