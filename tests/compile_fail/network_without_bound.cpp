// expect: cnf: a network belongs here, and this one has no Bound<B, In, Condition, Out>, which computes
#include "cnf/core.hpp"

struct Mine {
  static std::string describe() { return "Mine"; }
  template <class In, class Condition, int Out>
  struct On {
    using output = cnf::with_channels<In, Out>;
    static constexpr long parameters = 0, multiply_adds = 0;
  };
#ifdef CNF_PASSING_TWIN
  template <class B, class In, class Condition, int Out>
  struct Bound;
#endif
};

using Flow = cnf::Sequential<cnf::AffineCoupling<Mine>>;
using Latents = cnf::latents_t<Flow, cnf::Shape<4, 8, 8>>;
