// Which feature map a layer reads, for fixed and for dynamic extents.
#include "cnf/core.hpp"

namespace {

using namespace cnf;

using Fixed = Features<Shape<128, 16, 16>, Shape<64, 8, 8>, Shape<5>>;
using Dynamic = Features<Shape<128, dynamic / 2, dynamic / 2>, Shape<64, dynamic / 4, dynamic / 4>>;

template <class F, class In, int Index>
constexpr bool reads = matching_map<F, In>::found&& matching_map<F, In>::index == Index;

static_assert(reads<Fixed, Shape<12, 16, 16>, 0>);
static_assert(reads<Fixed, Shape<24, 8, 8>, 1>);
static_assert(reads<Fixed, Shape<2>, 2>);
static_assert(reads<Dynamic, Shape<12, dynamic / 2, dynamic / 2>, 0>);
static_assert(reads<Dynamic, Shape<24, dynamic / 4, dynamic / 4>, 1>);
static_assert(std::is_same_v<condition_t<Fixed, Shape<24, 8, 8>>, Shape<64, 8, 8>>);
static_assert(std::is_same_v<condition_t<Dynamic, Shape<12, dynamic / 2, dynamic / 2>>,
                             Shape<128, dynamic / 2, dynamic / 2>>);

// none
static_assert(!matching_map<Fixed, Shape<12, 4, 4>>::found);
static_assert(!matching_map<Fixed, Shape<12, 16, 8>>::found);
static_assert(!matching_map<Dynamic, Shape<3, dynamic, dynamic>>::found);
static_assert(!matching_map<Dynamic, Shape<12, 16, 16>>::found);
static_assert(!matching_map<Dynamic, Shape<12, dynamic / 2, dynamic / 4>>::found);
static_assert(!matching_map<Fixed, Shape<12, dynamic / 2, dynamic / 2>>::found);

// two
using Twice = Features<Shape<8, 16, 16>, Shape<4, 8, 8>, Shape<2, 16, 16>>;
static_assert(!matching_map<Twice, Shape<12, 16, 16>>::found);
static_assert(matching_map<Twice, Shape<12, 16, 16>>::count == 2);
static_assert(matching_map<Twice, Shape<12, 8, 8>>::found);

// an unconditional flow needs none
static_assert(matching_map<Features<>, Shape<12, 16, 16>>::found);
static_assert(std::is_same_v<condition_t<Features<>, Shape<12, 16, 16>>, Shape<0, 16, 16>>);

// lists
static_assert(std::is_same_v<nth_t<1, Fixed>, Shape<64, 8, 8>>);
static_assert(std::is_same_v<join_t<Latents<Shape<1>>, Latents<Shape<2>, Shape<3>>>,
                             Latents<Shape<1>, Shape<2>, Shape<3>>>);
static_assert(
    std::is_same_v<resolve_list<Dynamic, 32, 64>::type, Features<Shape<128, 16, 32>, Shape<64, 8, 16>>>);

// the maps that extractors return
using Rgb = Shape<3, dynamic / 2, dynamic / 2>;
static_assert(
    std::is_same_v<Rrdb<1, 8, 64, 2>::On<Rgb>::output,
                   Features<Shape<64, dynamic / 2, dynamic / 2>, Shape<64, dynamic / 4, dynamic / 4>>>);
static_assert(std::is_same_v<Rrdb<1, 8, 64, 3>::On<Shape<3, 16, 8>>::output,
                             Features<Shape<64, 16, 8>, Shape<64, 8, 4>, Shape<64, 4, 2>>>);
static_assert(Rrdb<1, 8, 64, 3>::On<Shape<3, 16, 8>>::valid);
static_assert(!Rrdb<1, 8, 64, 3>::On<Shape<3, 16, 10>>::valid);
static_assert(!Rrdb<1, 8, 64, 2>::On<Shape<3, 15, 16>>::valid);
static_assert(Rrdb<1, 8, 64, 1>::On<Shape<3, 15, 15>>::valid);
static_assert(std::is_same_v<Passthrough::On<Shape<5>>::output, Features<Shape<5>>>);
static_assert(std::is_same_v<Unconditional::On<Shape<5>>::output, Features<>>);

}  // namespace
