// Sequential<L0, L1, ...>: layers one after the other; shapes flow through at compile time.
//
// forward runs L0 first, inverse runs L0 last; log-dets add up; latents that the layers emit are listed in
// forward order. Empty is the identity. Where a layer can do its work and the next one's as one (ActNorm and the 1x1
// convolution after it, core/layer.hpp), it does. The first layer that does not accept its input is reported by index,
// layer and shape.
#pragma once

#include <utility>

#include "cnf/core/describe.hpp"
#include "cnf/core/layer.hpp"

namespace cnf {

namespace detail {

/// Shape rules of layers I, I + 1, ... on In.
template <int I, class In, class F, class... L>
struct Chain : Elementwise<In> {
  static constexpr bool volume_preserving = true;
  static void add_rows(std::vector<LayerRow>&, const std::string&, long) {}
};

template <class In>
struct Stopped : Elementwise<In> {
  static constexpr bool valid = false;
};

/// What follows layer I: the rest of the chain, or nothing after a layer that rejects its input.
template <bool Valid, int I, class Here, class F, class... Rest>
struct After {
  using type = Chain<I + 1, typename Here::output, F, Rest...>;
};
template <int I, class Here, class F, class... Rest>
struct After<false, I, Here, F, Rest...> {
  using type = Stopped<typename Here::output>;
};

template <int I, class In, class F, class L, class... Rest>
struct Chain<I, In, F, L, Rest...> {
  using here = layer_on<L, In, F>;

  using rest = typename After<here::valid, I, here, F, Rest...>::type;

  using output = typename rest::output;
  using latents = join_t<typename here::latents, typename rest::latents>;
  static constexpr bool valid = here::valid && rest::valid;
  static constexpr bool volume_preserving = here::volume_preserving && rest::volume_preserving;
  static constexpr bool tiled = runs_in_tiles<here>() && rest::tiled;
  static constexpr long parameters = here::parameters + rest::parameters;
  static constexpr long multiply_adds = here::multiply_adds + rest::multiply_adds;

  static consteval bool check() {
    return sizeof(check_layer_accepts_input<I, L, In, F>) > 0 && rest::check();
  }

  static void add_rows(std::vector<LayerRow>& rows, const std::string& path, long repeats) {
    add_layer_rows<L, In, F>(rows, path.empty() ? std::to_string(I) : path + "." + std::to_string(I),
                             repeats);
    rest::add_rows(rows, path, repeats);
  }
};

template <class... L>
struct Sequence;

/// Bound layers I, I + 1, ...: each holds one layer and the links after it.
template <class B, int I, class In, class F, class... L>
struct Links {
  using Result = Forward<B, Sequence<>, In, F>;

  explicit Links(Scope<B>) {}

  template <class Result, class Watch>
  Result forward(Batch<B, In> x, const Maps<B, F>&, const Watch&) const {
    return {.y = std::move(x)};
  }
  template <class Undo>
  Batch<B, In> inverse(Batch<B, In> y, const Maps<B, Latents<>>&, const Maps<B, F>&, const Undo&) const {
    return y;
  }
};

/// Whether a layer does its work and that of the next layer as one; and whether it undoes both as one.
template <class Layer, class Next, class X>
concept works_with = requires(const Layer& layer, const Next& next, const X& x) {
  layer.forward_with(next.layer, x);
};
template <class Layer, class Next, class Y>
concept undone_with = requires(const Layer& layer, const Next& next, const Y& y) {
  layer.inverse_with(next.layer, y);
};

template <class B, int I, class In, class F, class L, class... Rest>
struct Links<B, I, In, F, L, Rest...> {
  using here = typename L::template On<In, F>;
  using Next = Links<B, I + 1, typename here::output, F, Rest...>;

  using Result = Forward<B, Sequence<L, Rest...>, In, F>;

  bound_t<L, B, In, F> layer;
  Next next;

  explicit Links(Scope<B> scope) : layer(scope.child(I)), next(scope) {}

  template <class Result, class Watch>
  Result forward(Batch<B, In> x, const Maps<B, F>& features, const Watch& watch) const {
    if constexpr (std::is_same_v<Watch, NoWatch> && works_with<bound_t<L, B, In, F>, Next, Batch<B, In>>) {
      auto both = layer.forward_with(next.layer, std::move(x));
      using Then = typename decltype(next.next)::Result;
      auto then = next.next.template forward<Then>(decltype(Then::y)(std::move(both.y)), features, watch);
      return {.y = std::move(then.y),
              .log_det = std::move(both.log_det) + std::move(then.log_det),
              .latents = std::move(then.latents)};
    } else {
      auto first = forward_watched<L>(layer, std::move(x), features, watch.inside(I));
      auto then = next.template forward<typename Next::Result>(std::move(first.y), features, watch);
      return {.y = std::move(then.y),
              .log_det = std::move(first.log_det) + std::move(then.log_det),
              .latents = joined(std::move(first.latents), std::move(then.latents))};
    }
  }

  template <class List, class Y, class Undo>
  Batch<B, In> inverse(Y y, Maps<B, List> latents, const Maps<B, F>& features, const Undo& undo) const {
    constexpr int mine = here::latents::count;
    using after = typename Chain<I + 1, typename here::output, F, Rest...>::latents;
    if constexpr (std::is_same_v<Undo, ByInverse> && undone_with<bound_t<L, B, In, F>, Next, Batch<B, In>>)
      return layer.inverse_with(next.layer,
                                next.next.inverse(std::move(y), std::move(latents), features, undo));
    else {
      auto emitted = stretch<typename here::latents, 0>(std::move(latents));
      return undone(layer,
                    next.inverse(std::move(y), stretch<after, mine>(std::move(latents)), features, undo),
                    std::move(emitted), features, undo);
    }
  }
};

/// Shape rules of a sequence, by the name that Forward asks for.
template <class... L>
struct Sequence {
  template <class In, class F>
  using On = Chain<0, In, F, L...>;
};

}  // namespace detail

template <class... L>
struct Sequential {
  static std::string describe() { return "Sequential<" + detail::described_list<L...>() + ">"; }

  template <class In, class F>
  using On = detail::Chain<0, In, F, L...>;

  template <class B, class In, class F>
  struct Bound {
    detail::Links<B, 0, In, F, L...> links;

    explicit Bound(Scope<B> scope) : links(scope) {}

    template <class Watch = NoWatch>
    Forward<B, Sequential, In, F> forward(Batch<B, In> x, const Maps<B, F>& features,
                                          const Watch& watch = {}) const {
      return links.template forward<Forward<B, Sequential, In, F>>(std::move(x), features, watch);
    }

    template <class Undo = ByInverse>
    Batch<B, In> inverse(Batch<B, typename On<In, F>::output> y, Maps<B, typename On<In, F>::latents> latents,
                         const Maps<B, F>& features, const Undo& undo = {}) const {
      return links.inverse(std::move(y), std::move(latents), features, undo);
    }
  };
};

}  // namespace cnf
