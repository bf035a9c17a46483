// expect: cnf: a layer belongs here, and this type has no On<In, F>, the shape rules of a layer (or one whose constraints
#include "cnf/core.hpp"

/// Of images of at least two rows: its own constraint.
struct OfImages {
  static std::string describe() { return "OfImages"; }
  template <class In, class F>
  requires(In::height > 1) struct On : cnf::Elementwise<In> {
  };
  template <class B, class In, class F>
  requires(In::height > 1) struct Bound {
  };
};

#ifdef CNF_PASSING_TWIN
using Fed = cnf::Shape<4, 8, 8>;
#else
using Fed = cnf::Shape<4>;
#endif

using Latents = cnf::latents_t<cnf::Sequential<cnf::ActNorm, OfImages>, Fed>;
static_assert(Latents::count == 1);
