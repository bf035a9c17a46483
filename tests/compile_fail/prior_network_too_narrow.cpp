// expect: cnf: a prior's network must return a mean and a log-sigma for each channel
// expect: check_layer_accepts_input<0, cnf::BasicPrior<MeanOnly>
#include "cnf/core.hpp"

struct MeanOnly {
  static std::string describe() { return "MeanOnly"; }

  template <class In, class Condition, int Out>
  struct On {
    using output = cnf::with_channels<In, Out / 2>;
    static constexpr long parameters = 0;
    static constexpr long multiply_adds = 0;
  };

  template <class B, class In, class Condition, int Out>
  struct Bound;
};

#ifdef CNF_PASSING_TWIN
using Flow = cnf::Sequential<cnf::Prior>;
#else
using Flow = cnf::Sequential<cnf::BasicPrior<MeanOnly>>;
#endif

using Latents = cnf::latents_t<Flow, cnf::Shape<3>, cnf::Features<cnf::Shape<5>>>;
