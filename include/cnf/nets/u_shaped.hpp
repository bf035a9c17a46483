// UShaped<First, Second, Third>: an extractor with skip connections and a wide view (after Ronneberger et
// al., U-Net, 2015), with the maps of VggLike, whose 1/4 map sees little context.
//
//   down: space-to-depth, conv, block -> First at 1/2; pool, 2 blocks -> Second at 1/4;
//         pool, 2 blocks -> Third at 1/8
//   up:   the map at 1/4 = block(skip + upsampled block), and so the map at 1/2
//
// All convolutions are 3x3; a block is InstanceNorm, ReLU, conv. Input (C, H, W); maps (First, H/2, W/2),
// (Second, H/4, W/4). The 1/8 level is rounded up, so H and W need only divide by 4.
#pragma once

#include "cnf/nets/norm_conv.hpp"

namespace cnf {

template <int First = 48, int Second = 64, int Third = 96>
struct UShaped {
  static_assert(First > 0 && Second > 0 && Third > 0,
                "cnf: UShaped<First, Second, Third> needs positive widths");

  static std::string describe() {
    return "UShaped<" + std::to_string(First) + ", " + std::to_string(Second) + ", " + std::to_string(Third) +
           ">";
  }

  template <class In>
  struct On : Elementwise<In> {
    static constexpr int radius = unbounded;
    static constexpr bool valid = can_halve(In::height, 2) && can_halve(In::width, 2);
    static constexpr auto h2 = halved(In::height);
    static constexpr auto w2 = halved(In::width);
    using output = Features<Shape<First, h2, w2>, Shape<Second, halved(h2), halved(w2)>>;

    static constexpr ConvShape conv(int in, int out) { return {.in = in, .out = out}; }
    static constexpr long parameters =
        conv(4 * In::channels, First).parameters() + 2 * conv(First, First).parameters() +
        conv(First, Second).parameters() + 2 * conv(Second, Second).parameters() +
        conv(Second, Third).parameters() + conv(Third, Third).parameters() +
        conv(Third, Second).parameters() + conv(Second, First).parameters();
    /// With the 1/8 level counted for extents that divide by 8.
    static constexpr long multiply_adds =
        area<In> / 4 * (conv(4 * In::channels, First).weights() + 2 * conv(First, First).weights()) +
        area<In> / 16 *
            (conv(First, Second).weights() + 2 * conv(Second, Second).weights() +
             conv(Second, First).weights()) +
        area<In> / 64 *
            (conv(Second, Third).weights() + conv(Third, Third).weights() + conv(Third, Second).weights());

    static consteval bool check() {
      static_assert(valid, "cnf: UShaped needs a height and a width that divide by 4");
      return true;
    }
  };

  template <class B, class In>
  struct Bound {
    using Tensor = typename B::Tensor;
    Conv<B> stem;
    detail::NormConv<B> half, to_quarter, quarter, to_eighth, eighth, up_to_quarter, quarter_map, up_to_half,
        half_map;

    explicit Bound(Scope<B> scope)
        : stem(scope.child("stem"), On<In>::conv(4 * In::channels, First)),
          half(scope.child("half"), First, First),
          to_quarter(scope.child("to_quarter"), First, Second),
          quarter(scope.child("quarter"), Second, Second),
          to_eighth(scope.child("to_eighth"), Second, Third),
          eighth(scope.child("eighth"), Third, Third),
          up_to_quarter(scope.child("up_to_quarter"), Third, Second),
          quarter_map(scope.child("quarter_map"), Second, Second),
          up_to_half(scope.child("up_to_half"), Second, First),
          half_map(scope.child("half_map"), First, First) {}

    Maps<B, typename On<In>::output> operator()(const Batch<B, In>& x) const {
      const auto at_half = half(stem(B::space_to_depth(x.data)));
      const auto at_quarter = quarter(to_quarter(B::max_pool(at_half)));
      const auto at_eighth = eighth(to_eighth(B::max_pool(at_quarter)));
      auto second = quarter_map(at_quarter + grown(up_to_quarter(at_eighth), at_quarter));
      auto first = half_map(at_half + grown(up_to_half(second), at_half));
      return {.data = {std::move(first), std::move(second)}};
    }

   private:
    static Tensor grown(const Tensor& x, const Tensor& like) {
      return B::upsample(x, B::height(like), B::width(like));
    }
  };
};

}  // namespace cnf
