// expect: cnf: a layer's Bound is made from a Scope<B>
#include "cnf/eigen.hpp"

struct Mine {
  static std::string describe() { return "Mine"; }
  template <class In, class F>
  using On = cnf::Elementwise<In>;
  template <class B, class In, class F>
  struct Bound {
#ifdef CNF_PASSING_TWIN
    explicit Bound(cnf::Scope<B>) {}
#else
    explicit Bound(int) {}
#endif
    cnf::Forward<B, Mine, In, F> forward(const cnf::Batch<B, In>& x, const cnf::Maps<B, F>&) const {
      return {.y = x};
    }
    cnf::Batch<B, In> inverse(const cnf::Batch<B, In>& y, const cnf::Maps<B, cnf::Latents<>>&,
                              const cnf::Maps<B, F>&) const {
      return y;
    }
  };
};

using Layer = cnf::bound_t<Mine, cnf::eigen::Backend<double>, cnf::Shape<2>, cnf::Features<>>;
static_assert(sizeof(Layer) > 0);
