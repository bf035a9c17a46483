// expect: cnf: a layer belongs here, and this one has no `static std::string describe()`
// expect: check_layer_accepts_input<0, Mine
#include "cnf/core.hpp"

#ifdef CNF_PASSING_TWIN
struct Mine {
  static std::string describe() { return "Mine"; }
  template <class In, class F>
  using On = cnf::Elementwise<In>;
  template <class B, class In, class F>
  struct Bound;
};
#else
struct Mine {
  template <class In, class F>
  using On = cnf::Elementwise<In>;
  template <class B, class In, class F>
  struct Bound;
};
#endif

using Flow = cnf::Sequential<Mine, cnf::Squeeze>;
using Latents = cnf::latents_t<Flow, cnf::Shape<4, 8, 8>>;
