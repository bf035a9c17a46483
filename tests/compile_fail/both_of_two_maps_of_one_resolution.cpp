// expect: cnf: Both<A, B> joins maps by resolution, and A has two of a resolution that B has
#include "cnf/core.hpp"

/// Two maps of 4x4 from a vector.
struct Twice {
  static std::string describe() { return "Twice"; }
  template <class In>
  struct On {
    using output = cnf::Features<cnf::Shape<2, 4, 4>, cnf::Shape<3, 4, 4>>;
    static constexpr bool valid = true;
    static constexpr long parameters = 0, multiply_adds = 0;
    static consteval bool check() { return true; }
  };
  template <class B, class In>
  struct Bound;
};
using Once = cnf::Broadcast<cnf::Pyramid<4, 4, 1>, cnf::Embedding<3, 4>>;

#ifdef CNF_PASSING_TWIN
using Extractor = cnf::Both<Once, Once>;
#else
using Extractor = cnf::Both<Twice, Once>;
#endif

using Model = cnf::ConditionalFlow<cnf::Shape<4, 4, 4>, cnf::Pair<cnf::Shape<1>, cnf::Shape<1>>, Extractor,
                                   cnf::Sequential<cnf::ActNorm>>;
static_assert(Model::check());
