// FlowFor says yes or no for every rule of every layer, and is never an error itself.
#include "cnf/core.hpp"

namespace {

using namespace cnf;

using Net = ConvNet<8>;
using Coupling = AffineCoupling<Net>;
using Image = Shape<3, 8, 8>;
using Map = Features<Shape<16, 8, 8>>;

// A network that always returns two channels, and one that returns them at another size.
struct TwoChannels {
  static std::string describe() { return "TwoChannels"; }
  template <class In, class Condition, int Out>
  struct On {
    using output = with_channels<In, 2>;
    static constexpr long parameters = 0, multiply_adds = 0;
  };
  template <class B, class In, class Condition, int Out>
  struct Bound;
};
struct Shrinks {
  static std::string describe() { return "Shrinks"; }
  template <class In, class Condition, int Out>
  struct On {
    using output = Shape<Out, In::height - 2, In::width - 2>;
    static constexpr long parameters = 0, multiply_adds = 0;
  };
  template <class B, class In, class Condition, int Out>
  struct Bound;
};

// Squeeze: even extents
static_assert(FlowFor<Squeeze, Image>);
static_assert(FlowFor<Squeeze, Shape<1, dynamic, dynamic>>);
static_assert(!FlowFor<Squeeze, Shape<3, 7, 8>>);
static_assert(!FlowFor<Squeeze, Shape<3, 8, 7>>);
static_assert(!FlowFor<Squeeze, Shape<3>>);
static_assert(!FlowFor<Sequential<Squeeze, Squeeze>, Shape<3, 6, 8>>);
static_assert(!FlowFor<Sequential<Squeeze, Squeeze>, Shape<3, 8, 6>>);
static_assert(FlowFor<Sequential<Squeeze, Squeeze, Squeeze>, Image>);
static_assert(!FlowFor<Sequential<Squeeze, Squeeze, Squeeze, Squeeze>, Image>);

// couplings: two channels, one map, enough outputs
static_assert(FlowFor<Coupling, Image, Map>);
static_assert(FlowFor<Coupling, Image>);
static_assert(!FlowFor<Coupling, Shape<1, 8, 8>, Map>);
static_assert(!FlowFor<AdditiveCoupling<Net>, Shape<1>>);
static_assert(!FlowFor<Coupling, Image, Features<Shape<16, 4, 4>>>);
static_assert(!FlowFor<Coupling, Image, Features<Shape<16, 8, 8>, Shape<4, 8, 8>>>);
static_assert(FlowFor<AffineCoupling<TwoChannels>, Shape<3, 8, 8>>);
static_assert(!FlowFor<AffineCoupling<TwoChannels>, Shape<4, 8, 8>>);
static_assert(FlowFor<AdditiveCoupling<TwoChannels>, Shape<4, 8, 8>>);
static_assert(!FlowFor<AdditiveCoupling<TwoChannels>, Shape<3, 8, 8>>);
static_assert(!FlowFor<AdditiveCoupling<Shrinks>, Image>);

// splines, mixtures, checkerboards
static_assert(FlowFor<SplineCoupling<Net>, Image, Map> && FlowFor<MixtureCoupling<Net>, Shape<2>>);
static_assert(!FlowFor<SplineCoupling<Net>, Shape<1, 8, 8>, Map>);
static_assert(FlowFor<CheckerboardCoupling<Net>, Shape<1, 8, 8>, Map>);
static_assert(!FlowFor<CheckerboardCoupling<Net>, Shape<4>>);
static_assert(!FlowFor<CheckerboardCoupling<Net>, Image, Features<Shape<16, 4, 4>>>);
static_assert(FlowFor<Spline<>, Image> && FlowFor<Mixture<>, Image> &&
              FlowFor<Sequential<Logit<>, Sigmoid>, Image>);
static_assert(FlowFor<HaarSqueeze, Image> && !FlowFor<HaarSqueeze, Shape<3, 7, 8>>);
static_assert(FlowFor<Orthogonal1x1<>, Image> && !FlowFor<Orthogonal1x1<>, Shape<1, 8, 8>>);
static_assert(FlowFor<Swap, Shape<1>>);

// what is no layer, and layers of what is no network
static_assert(!FlowFor<Net, Image> && !FlowFor<Rrdb<1, 4, 8, 1>, Image> && !FlowFor<Uniform<8>, Image>);
static_assert(!FlowFor<int, Image> && !FlowFor<Sequential<ActNorm, int>, Image> &&
              !FlowFor<Repeat<2, Net>, Image>);
static_assert(!FlowFor<AffineCoupling<ActNorm>, Image> && !FlowFor<BasicPrior<int>, Image>);
static_assert(!FlowFor<Reversible<Net>, Image>);

// Split and Prior
static_assert(FlowFor<Split, Shape<4, 8, 8>, Map>);
static_assert(!FlowFor<Split, Image, Map>);
static_assert(!FlowFor<Split, Shape<4, 8, 8>, Features<Shape<16, 4, 4>>>);
static_assert(!FlowFor<BasicSplit<TwoChannels>, Shape<4, 8, 8>>);
static_assert(FlowFor<BasicSplit<TwoChannels>, Shape<2, 8, 8>>);
static_assert(FlowFor<Prior, Image, Map>);
static_assert(FlowFor<Prior, Image>);
static_assert(!FlowFor<Prior, Image, Features<Shape<16, 8, 4>>>);
static_assert(!FlowFor<BasicPrior<TwoChannels>, Image, Map>);
static_assert(FlowFor<BasicPrior<TwoChannels>, Shape<1, 8, 8>, Map>);

// Residual: a map of the input's own shape
static_assert(FlowFor<Residual, Image, Features<Shape<3, 8, 8>, Shape<16, 4, 4>>>);
static_assert(!FlowFor<Residual, Image, Map>);
static_assert(!FlowFor<Residual, Image, Features<Shape<3, 4, 4>>>);
static_assert(!FlowFor<Residual, Image>);

// Permute
static_assert(FlowFor<Permute<2, 0, 1>, Image>);
static_assert(!FlowFor<Permute<2, 0, 1>, Shape<4, 8, 8>>);
static_assert(!FlowFor<Permute<1, 0>, Image>);
static_assert(!FlowFor<Permute<0, 0, 1>, Image>);
static_assert(!FlowFor<Permute<1, 2, 3>, Image>);
static_assert(!FlowFor<Permute<-1, 0, 1>, Image>);

// Repeat: at least one, and the same shape out as in
static_assert(FlowFor<Repeat<2, ActNorm>, Image>);
static_assert(!FlowFor<Repeat<0, ActNorm>, Image>);
static_assert(!FlowFor<Repeat<-1, ActNorm>, Image>);
static_assert(!FlowFor<Repeat<1, Squeeze>, Image>);
static_assert(!FlowFor<Repeat<2, Split>, Shape<4, 8, 8>>);
static_assert(!FlowFor<Repeat<2, Coupling>, Shape<1, 8, 8>>);

// one wrong layer anywhere makes the whole flow wrong
static_assert(
    FlowFor<Sequential<Squeeze, Repeat<2, Sequential<ActNorm, AdditiveCoupling<Net>>>, Split>, Image>);
static_assert(!FlowFor<Sequential<Squeeze, Repeat<2, Sequential<ActNorm, Permute<0, 1>>>, Split>, Image>);
static_assert(!FlowFor<Sequential<Split, Squeeze>, Image>);
static_assert(!FlowFor<Sequential<ActNorm, Permute<0>, Squeeze>, Image>);

// what is no layer at all
static_assert(!FlowFor<int, Image>);
static_assert(!FlowFor<Net, Image>);
static_assert(!FlowFor<TanhScale, Image>);
static_assert(!LayerSpec<Image, Image, Features<>>);
static_assert(NetworkSpec<Net, Image, Shape<0, 8, 8>, 6>);
static_assert(!NetworkSpec<ActNorm, Image, Shape<0, 8, 8>, 6>);

// volume_preserving: exactly the flows whose every part is
static_assert(volume_preserving<Squeeze, Image>);
static_assert(volume_preserving<AdditiveCoupling<Net>, Image>);
static_assert(volume_preserving<Sequential<>, Image>);
static_assert(volume_preserving<Sequential<Squeeze, Repeat<2, AdditiveCoupling<Net>>, Reverse>, Image>);
static_assert(volume_preserving<Residual, Image, Features<Image>>);
static_assert(!volume_preserving<ActNorm, Image>);
static_assert(!volume_preserving<InvConv1x1, Image>);
static_assert(!volume_preserving<InvConv1x1Plu, Image>);
static_assert(!volume_preserving<Coupling, Image>);
static_assert(!volume_preserving<Prior, Image>);
static_assert(!volume_preserving<Split, Shape<4, 8, 8>>);
static_assert(!volume_preserving<Sequential<Squeeze, ActNorm>, Image>);
static_assert(!volume_preserving<Repeat<2, Sequential<Reverse, Coupling>>, Image>);

// parameters
static_assert(parameter_count<Sequential<>, Image> == 0);
static_assert(parameter_count<Sequential<Squeeze, Reverse>, Image> == 0);
static_assert(parameter_count<Prior, Image> == 2 * 3);
static_assert(parameter_count<Prior, Image, Map> == 16 * 6 * 9 + 6);
static_assert(parameter_count<InvConv1x1Plu, Shape<5>> == 5 * 5 + 5 * 5 + 5);
// of an odd number of channels the smaller half changes: 1 of 3, so 2 channels in and 2 numbers out
static_assert(parameter_count<AffineCoupling<Mlp<8>>, Shape<3>> == (2 * 8 + 8) + (8 * 8 + 8) + (8 * 2 + 2));
static_assert(parameter_count<AdditiveCoupling<Mlp<8>>, Shape<3>> == (2 * 8 + 8) + (8 * 8 + 8) + (8 * 1 + 1));
static_assert(parameter_count<Repeat<40, ActNorm>, Image> == 40 * 6);

}  // namespace
