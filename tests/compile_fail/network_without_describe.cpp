// expect: cnf: a network belongs here, and this one has no `static std::string describe()`
#include "cnf/core.hpp"

struct Mine {
#ifdef CNF_PASSING_TWIN
  static std::string describe() { return "Mine"; }
#endif
  template <class In, class Condition, int Out>
  struct On {
    using output = cnf::with_channels<In, Out>;
    static constexpr long parameters = 0, multiply_adds = 0;
  };
  template <class B, class In, class Condition, int Out>
  struct Bound;
};

using Flow = cnf::Sequential<cnf::AffineCoupling<Mine>>;
using Latents = cnf::latents_t<Flow, cnf::Shape<4, 8, 8>>;
