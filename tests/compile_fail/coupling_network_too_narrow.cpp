// expect: cnf: a coupling network must return as many channels as the coupling asks for
// expect: check_layer_accepts_input<1, cnf::AffineCoupling<OneScaleOneShift
#include "cnf/core.hpp"

// One scale and one shift, whatever the coupling asks for: elsewhere they would broadcast over all channels.
struct OneScaleOneShift {
  static std::string describe() { return "OneScaleOneShift"; }

  template <class In, class Condition, int Out>
  struct On {
    using output = cnf::with_channels<In, 2>;
    static constexpr long parameters = 2;
    static constexpr long multiply_adds = 0;
  };

  template <class B, class In, class Condition, int Out>
  struct Bound;
};

#ifdef CNF_PASSING_TWIN
using Image = cnf::Shape<2, 8, 8>;  // one channel changes: two numbers are right
#else
using Image = cnf::Shape<4, 8, 8>;
#endif

using Flow = cnf::Sequential<cnf::ActNorm, cnf::AffineCoupling<OneScaleOneShift>>;
using Latents = cnf::latents_t<Flow, Image>;
