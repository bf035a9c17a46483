// The extractor contract, and the two extractors without parameters. An extractor turns a model's input x
// into the feature maps of its flow; Rrdb is one. It has `describe`, `On<In>` with `output` (a
// Features<...>), `valid`, `check`, `parameters`, `multiply_adds`, `radius` and `width` (nets/network.hpp, in pixels of x),
// and `Bound<B, In>` with `Maps<B, output> operator()(const Batch<B, In>&)`; where it needs to know how large the target
// is, with `operator()(const Batch<B, In>&, Extents)`. One for other inputs than a Shape says which:
// `template <class Input> static constexpr bool takes`.
//
//   Passthrough     x itself is the one feature map: vectors, tabular data
//   Unconditional   no map: p(y), whatever x (without an x at all: model/unconditional_flow.hpp)
#pragma once

#include "cnf/core/inputs.hpp"
#include "cnf/core/layer.hpp"

namespace cnf {

struct Passthrough {
  static std::string describe() { return "Passthrough"; }

  template <class In>
  struct On : Elementwise<In> {
    using output = Features<In>;
    static constexpr int radius = 0, width = In::channels;
  };

  template <class B, class In>
  struct Bound {
    explicit Bound(Scope<B>) {}
    Maps<B, Features<In>> operator()(const Batch<B, In>& x) const { return {.data = {x.data}}; }
  };
};

struct Unconditional {
  static std::string describe() { return "Unconditional"; }

  template <class Input>
  static constexpr bool takes = true;

  template <class In>
  struct On : Elementwise<In> {
    using output = Features<>;
    static constexpr int radius = 0, width = 1;
  };

  template <class B, class In>
  struct Bound {
    explicit Bound(Scope<B>) {}
    Maps<B, Features<>> operator()(const input_t<B, In>&) const { return {}; }
  };
};

namespace detail {

/// Width channels at In's extents, then halves of them: the maps of an extractor with Levels levels.
template <class In, int Width, int Levels, class... Map>
struct pyramid : pyramid<Shape<Width, halved(In::height), halved(In::width)>, Width, Levels - 1, Map...,
                         with_channels<In, Width>> {};
template <class In, int Width, class... Map>
struct pyramid<In, Width, 0, Map...> {
  using type = Features<Map...>;
};

}  // namespace detail
}  // namespace cnf
