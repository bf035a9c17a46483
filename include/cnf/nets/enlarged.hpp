// Enlarged<Extractor>: the maps of an extractor, and before them the input itself at twice its size, for layers/residual.hpp.
//
// Enlarging is bicubic (Keys, 1981, a = -0.5) with replicated borders; no parameters. Input (C, h, w); maps (C, 2h, 2w), then Extractor's.
#pragma once

#include "cnf/core/layer.hpp"

namespace cnf {

template <class Extractor>
struct Enlarged {
  static std::string describe() { return "Enlarged<" + Extractor::describe() + ">"; }

  template <class In>
  struct On : detail::extractor_on<Extractor, In> {
    using inner = detail::extractor_on<Extractor, In>;
    static constexpr bool fits = can_double(In::height) && can_double(In::width);
    using large = Shape<In::channels, doubled(In::height), doubled(In::width)>;
    using output = join_t<Features<large>, typename inner::output>;
    static constexpr bool valid = inner::valid && fits;
    static constexpr int radius = radius_beside(radius_of<inner>(), 2);

    static consteval bool check() {
      static_assert(fits,
                    "cnf: Enlarged doubles the input, which must not be larger than half of the target");
      return inner::check();
    }
  };

  template <class B, class In>
  struct Bound {
    typename Extractor::template Bound<B, In> extractor;

    explicit Bound(Scope<B> scope) : extractor(scope) {}

    Maps<B, typename On<In>::output> operator()(const Batch<B, In>& x) const {
      return joined(Maps<B, Features<typename On<In>::large>>{.data = {B::enlarge(x.data)}}, extractor(x));
    }
  };
};

}  // namespace cnf
