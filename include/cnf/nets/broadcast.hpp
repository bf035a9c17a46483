// Broadcast<Pyramid<Height, Width, Levels>, Extractor>: a vector on every map, the same at every pixel: the condition of a flow
// of images on class labels or numbers.
//
//   Broadcast<Pyramid<16, 16, 2>>                                         maps of x itself, 16x16 and 8x8
//   Broadcast<Pyramid<dynamic / 2, dynamic / 2, 2>, Embedding<10, 32>>    of a label, for images of any size: given(x, size)
//
// Give the resolutions at which couplings, splits and priors of the flow act.
#pragma once

#include <string>

#include "cnf/core/inputs.hpp"
#include "cnf/nets/extractor.hpp"
#include "cnf/nets/tiled.hpp"

namespace cnf {

/// Levels resolutions, each half of the one before.
template <auto Height, auto Width, int Levels>
struct Pyramid {
  static_assert(Levels > 0, "cnf: Pyramid<Height, Width, Levels> has one or more levels");
  static constexpr bool valid = can_halve(Height, Levels - 1) && can_halve(Width, Levels - 1);
  static_assert(valid, "cnf: Pyramid<Height, Width, Levels> halves height and width Levels - 1 times");

  static std::string describe() {
    const auto text = shape_text<Shape<0, Height, Width>>();
    return "Pyramid<" + text.substr(2) + ", " + std::to_string(Levels) + ">";
  }
  template <int Channels>
  using maps = typename detail::pyramid<Shape<Channels, Height, Width>, Channels, Levels>::type;
};

namespace detail {

template <class List>
inline constexpr int vector_channels = 0;
template <int C>
inline constexpr int vector_channels<Features<Shape<C, 1, 1>>> = C;

}  // namespace detail

template <class Resolutions, class Extractor = Passthrough>
struct Broadcast {
  static std::string describe() {
    return "Broadcast<" + Resolutions::describe() + ", " + Extractor::describe() + ">";
  }

  template <class Input>
  static constexpr bool takes = detail::takes<Extractor, Input>();

  template <class In>
  struct On : detail::extractor_on<Extractor, In> {
    using inner = detail::extractor_on<Extractor, In>;
    static constexpr int channels = detail::vector_channels<typename inner::output>;
    static constexpr bool valid = inner::valid && channels > 0;
    using output = typename Resolutions::template maps<channels>;
    static constexpr int radius = 0, width = channels;

    static consteval bool check() {
      if constexpr (inner::check())
        static_assert(channels > 0,
                      "cnf: Broadcast spreads a vector: its extractor must return one map of 1x1");
      return true;
    }
  };

  template <class B, class In>
  struct Bound {
    typename Extractor::template Bound<B, In> extractor;
    long tile;

    explicit Bound(Scope<B> scope) : extractor(scope), tile(scope.tile()) {}

    Maps<B, typename On<In>::output> operator()(const input_t<B, In>& x, Extents size) const {
      const auto vector = detail::extracted<Extractor, B, In>(extractor, x, size, tile).data[0];
      return on(vector, size, typename On<In>::output{});
    }

   private:
    template <class... S>
    static Maps<B, Features<S...>> on(const typename B::Tensor& vector, Extents size, Features<S...>) {
      return {.data = {B::spread(vector, resolve(S::height, size.height), resolve(S::width, size.width))...}};
    }
  };
};

}  // namespace cnf
