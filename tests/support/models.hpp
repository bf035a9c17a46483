// Small models of every kind.
#pragma once

#include "cnf/libtorch.hpp"
#include "cnf/testing/models.hpp"

namespace models {

using cnf::dynamic;

/// 2x super-resolution of 8-bit images of any size, as the paper's in small; and its baseline.
using Target = cnf::Shape<3, dynamic, dynamic>;
using Input = cnf::Shape<3, dynamic / 2, dynamic / 2>;
using Step = cnf::Sequential<cnf::ActNorm, cnf::InvConv1x1, cnf::AffineCoupling<cnf::ConvNet<8>>>;
using Level = cnf::Sequential<cnf::Squeeze, cnf::Repeat<2, Step>>;
using SrFlow = cnf::Sequential<Level, cnf::Split, Level, cnf::Prior>;
using Sr = cnf::ConditionalFlow<Target, Input, cnf::Rrdb<1, 4, 8, 2>, SrFlow, cnf::Uniform<8>>;
using ContinuousSr = cnf::ConditionalFlow<Target, Input, cnf::Rrdb<1, 4, 8, 2>, SrFlow>;
using Factorised = cnf::FactorisedLogistic<Target, Input, cnf::Rrdb<1, 4, 8, 1>>;

/// A vector given a vector, K steps of hidden width Hidden.
template <int Out, int In, int K, int Hidden>
using Vector = cnf::ConditionalFlow<
    cnf::Shape<Out>, cnf::Shape<In>, cnf::Passthrough,
    cnf::Sequential<
        cnf::Repeat<K, cnf::Sequential<cnf::ActNorm, cnf::InvConv1x1, cnf::AffineCoupling<cnf::Mlp<Hidden>>>>,
        cnf::BasicPrior<cnf::Projection<1>>>>;

/// iid uniform integers 0 .. levels - 1, in double.
inline at::Tensor uniform_integers(at::IntArrayRef sizes, std::uint64_t seed, int levels = 256) {
  std::int64_t count = 1;
  for (const auto s : sizes) count *= s;
  std::vector<double> values(static_cast<std::size_t>(count));
  cnf::NoiseKey{.seed = seed}.fill(values.data(), values.size(), cnf::Distribution::uniform, levels);
  return at::from_blob(values.data(), sizes, at::kDouble).floor();
}

}  // namespace models
