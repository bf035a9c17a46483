// The super-resolution flow of Winkler et al. (2019), for benchmarks/compile_time: CNF_K steps a level, CNF_L
// levels, checked (CNF_ON_CORE) or bound and run (CNF_ON_EIGEN, CNF_ON_LIBTORCH). CNF_INCLUDE_ONLY: what the
// headers alone cost.
#if defined CNF_ON_LIBTORCH
#include "cnf/libtorch.hpp"
#elif defined CNF_ON_EIGEN
#include "cnf/eigen.hpp"
#else
#include "cnf/core.hpp"
#endif

#ifndef CNF_INCLUDE_ONLY
namespace {

using namespace cnf;

using Step = Sequential<ActNorm, InvConv1x1, AffineCoupling<ConvNet<512>>>;
using Level = Sequential<Squeeze, Repeat<CNF_K, Step>>;
using Last = Sequential<Level, Prior>;
using Two = Sequential<Level, Split, Last>;
#if CNF_L == 2
using Flow = Two;
#else
using Flow = Sequential<Level, Split, Level, Split, Two>;
#endif

using Target = Shape<3, dynamic, dynamic>;
using Input = Shape<3, dynamic / 2, dynamic / 2>;
using Sr = ConditionalFlow<Target, Input, Rrdb<16, 32, 128, CNF_L>, Flow, Uniform<8>>;

static_assert(Sr::check());
static_assert(Sr::latents::count == CNF_L);

}  // namespace

#if defined CNF_ON_LIBTORCH || defined CNF_ON_EIGEN
#ifdef CNF_ON_LIBTORCH
using B = libtorch::Backend;
#else
using B = eigen::Backend<float>;
#endif

B::Tensor use(const Model<Sr, B>& model, const B::Tensor& x, const B::Tensor& y) {
  const auto given = model.given(x);
  given.log_prob(y);
  return given.sample({.count = 2});
}
#endif
#endif
