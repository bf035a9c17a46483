// expect: cnf: a checkerboard coupling's network must return all parameters of its transform
// expect: check_layer_accepts_input<0, cnf::CheckerboardCoupling<TwoNumbers
#include "cnf/core.hpp"

struct TwoNumbers {
  static std::string describe() { return "TwoNumbers"; }
  template <class In, class Condition, int Out>
  struct On {
    using output = cnf::with_channels<In, 2>;
    static constexpr long parameters = 2, multiply_adds = 0;
  };
  template <class B, class In, class Condition, int Out>
  struct Bound;
};

#ifdef CNF_PASSING_TWIN
using Image = cnf::Shape<1, 8, 8>;  // a shift and a scale
#else
using Image = cnf::Shape<4, 8, 8>;
#endif

using Latents = cnf::latents_t<cnf::Sequential<cnf::CheckerboardCoupling<TwoNumbers>>, Image>;
