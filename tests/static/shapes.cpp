// Shapes: fixed and dynamic extents, and the shape that each layer returns.
#include "cnf/core.hpp"

namespace {

using namespace cnf;

template <class Layer, class In, class Out>
constexpr bool gives = std::is_same_v<output_t<Layer, In>, Out>;

using Image = Shape<3, 32, 32>;
using Any = Shape<3, dynamic, dynamic>;

// extents
static_assert(is_fixed_shape<Image> && !is_fixed_shape<Any> && !is_fixed_shape<Shape<3, 32, dynamic>>);
static_assert(area<Image> == 1024 && size<Image> == 3072 && area<Any> == 0 && size<Any> == 0);
static_assert(std::is_same_v<Shape<7>, Shape<7, 1, 1>>);
static_assert(resolve(dynamic / 4, 64) == 16 && resolve(5, 64) == 5);
static_assert(std::is_same_v<resolved<Shape<12, dynamic / 2, dynamic / 2>, 32, 48>, Shape<12, 16, 24>>);
static_assert(std::is_same_v<resolved<Image, 64, 64>, Image>);
static_assert(std::is_same_v<Shape<3, dynamic / 2, dynamic / 2>, Shape<3, dynamic_over{2}, dynamic_over{2}>>);
static_assert(!same_extents<Shape<3, 32, 32>, Shape<3, 32, 16>>);
static_assert(!same_extents<Shape<3, 32, 32>, Shape<3, 16, 32>>);
static_assert(!same_extents<Any, Shape<3, dynamic / 2, dynamic / 2>>);
static_assert(!same_extents<Any, Image>);
static_assert(same_extents<Shape<3, 8, 8>, Shape<128, 8, 8>>);
static_assert(is_shape<Image> && !is_shape<int> && !is_shape<Features<Image>>);
static_assert(is_even(0) && is_even(32) && !is_even(33) && !is_even(1) && is_even(dynamic));
static_assert(halved(32) == 16 && halved(dynamic) == dynamic / 2 && halved(dynamic / 2) == dynamic / 4);

// layers
static_assert(gives<Squeeze, Image, Shape<12, 16, 16>>);
static_assert(gives<Squeeze, Shape<1, 2, 6>, Shape<4, 1, 3>>);
static_assert(gives<Squeeze, Any, Shape<12, dynamic / 2, dynamic / 2>>);
static_assert(gives<Squeeze, Shape<3, 32, dynamic>, Shape<12, 16, dynamic / 2>>);
static_assert(gives<Split, Shape<12, 16, 16>, Shape<6, 16, 16>>);
static_assert(gives<ActNorm, Image, Image>);
static_assert(gives<InvConv1x1, Any, Any>);
static_assert(gives<InvConv1x1Plu, Any, Any>);
static_assert(gives<AffineCoupling<ConvNet<8>>, Image, Image>);
static_assert(gives<AdditiveCoupling<Mlp<8>>, Shape<2>, Shape<2>>);
static_assert(gives<Permute<2, 0, 1>, Image, Image>);
static_assert(gives<Reverse, Shape<5>, Shape<5>>);
static_assert(gives<Prior, Image, Image>);
static_assert(gives<Sequential<>, Image, Image>);
static_assert(gives<Sequential<Squeeze, Sequential<Squeeze, Split>>, Image, Shape<24, 8, 8>>);
static_assert(gives<Repeat<3, Sequential<ActNorm, Reverse>>, Image, Image>);
static_assert(!gives<Squeeze, Image, Shape<12, 16, 8>>);
static_assert(!gives<Split, Shape<12, 16, 16>, Shape<12, 16, 16>>);

// latents: what splits emit in forward order, then what is left
using Two = Sequential<Squeeze, Split, Squeeze, Split, Prior>;
static_assert(
    std::is_same_v<latents_t<Two, Image>, Latents<Shape<6, 16, 16>, Shape<12, 8, 8>, Shape<12, 8, 8>>>);
static_assert(std::is_same_v<latents_t<Two, Any>,
                             Latents<Shape<6, dynamic / 2, dynamic / 2>, Shape<12, dynamic / 4, dynamic / 4>,
                                     Shape<12, dynamic / 4, dynamic / 4>>>);
static_assert(std::is_same_v<latents_t<Sequential<>, Image>, Latents<Image>>);
// nesting changes nothing
static_assert(std::is_same_v<
              latents_t<Sequential<Sequential<Squeeze, Split>, Sequential<Squeeze, Split, Prior>>, Image>,
              latents_t<Two, Image>>);
static_assert(!std::is_same_v<latents_t<Sequential<Squeeze, Squeeze, Split, Split, Prior>, Image>,
                              latents_t<Two, Image>>);

// a flow is a bijection: as many numbers go in as come out
template <class... S>
constexpr long numbers(Latents<S...>) {
  return (0L + ... + size<S>);
}
static_assert(numbers(latents_t<Two, Image>{}) == size<Image>);
static_assert(numbers(latents_t<Sequential<Squeeze, Split, Split>, Shape<1, 4, 6>>{}) == 24);

}  // namespace
