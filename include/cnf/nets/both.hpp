// Both<A, B>: two extractors for an input that is a Pair, their maps joined: of one resolution channel by channel, A's first;
// the others of A, then those of B.
//
//   ConditionalFlow<Shape<3, 32, 32>, Pair<Shape<3, 16, 16>, Shape<1>>,
//                   Both<Rrdb<4, 32, 64, 2>, Broadcast<Pyramid<16, 16, 2>, Embedding<10, 16>>>, ...>
//
//   model.given({.first = image, .second = label})
//
// Three inputs: Pair<A, Pair<B, C>> and Both<X, Both<Y, Z>>.
#pragma once

#include <cstddef>
#include <string>
#include <utility>

#include "cnf/core/inputs.hpp"
#include "cnf/nets/extractor.hpp"
#include "cnf/nets/tiled.hpp"

namespace cnf {

namespace detail {

/// A list of maps with one more map: its channels after those of the map of its resolution, or a new map.
template <class List, class S, bool Found>
struct add_map;
template <class... M, class S>
struct add_map<Features<M...>, S, true> {
  using type = Features<with_channels<M, M::channels + (same_extents<M, S> ? S::channels : 0)>...>;
};
template <class... M, class S>
struct add_map<Features<M...>, S, false> {
  using type = Features<M..., S>;
};

template <class A, class B>
struct merged;
template <class A>
struct merged<A, Features<>> {
  using type = A;
};
template <class A, class S, class... Rest>
struct merged<A, Features<S, Rest...>> {
  using type =
      typename merged<typename add_map<A, S, (matching_map<A, S>::count > 0)>::type, Features<Rest...>>::type;
};

/// Whether each map of B finds one map at most in A.
template <class A, class B>
inline constexpr bool joins_once = true;
template <class A, class... S>
inline constexpr bool joins_once<A, Features<S...>> = ((matching_map<A, S>::count < 2) && ...);

template <class Input>
struct parts_of {
  using first = Input;
  using second = Input;
  static constexpr bool is_pair = false;
};
template <class First, class Second>
struct parts_of<Pair<First, Second>> {
  using first = First;
  using second = Second;
  static constexpr bool is_pair = true;
};

}  // namespace detail

template <class First, class Second>
struct Both {
  static std::string describe() { return "Both<" + First::describe() + ", " + Second::describe() + ">"; }

  template <class Input>
  static constexpr bool takes = true;  // what is no Pair has a sentence of its own

  template <class In>
  struct On {
    using in = detail::parts_of<In>;
    using a = detail::extractor_on<First, typename in::first>;
    using b = detail::extractor_on<Second, typename in::second>;
    using output = typename detail::merged<typename a::output, typename b::output>::type;
    static constexpr bool one_each = detail::joins_once<typename a::output, typename b::output>;
    static constexpr bool valid = in::is_pair && one_each && a::valid && b::valid;
    static constexpr int radius = radius_beside(radius_of<a>(), radius_of<b>());
    static constexpr int width = std::max(width_of<a>(), width_of<b>());
    static constexpr long parameters = a::parameters + b::parameters;
    static constexpr long multiply_adds = a::multiply_adds + b::multiply_adds;

    static consteval bool check() {
      static_assert(in::is_pair,
                    "cnf: Both<A, B> takes two inputs: a model's input must be Pair<ForA, ForB>");
      static_assert(one_each,
                    "cnf: Both<A, B> joins maps by resolution, and A has two of a resolution that B has");
      return a::check() && b::check();
    }
  };

  template <class B, class In>
  struct Bound {
    using on = On<In>;
    using in = detail::parts_of<In>;

    typename First::template Bound<B, typename in::first> first;
    typename Second::template Bound<B, typename in::second> second;
    long tile;

    explicit Bound(Scope<B> scope)
        : first(scope.child("first")), second(scope.child("second")), tile(scope.tile()) {}

    Maps<B, typename on::output> operator()(const input_t<B, In>& x, Extents size) const {
      auto a = detail::extracted<First, B, typename in::first>(first, x.first, size, tile);
      const auto b = detail::extracted<Second, B, typename in::second>(second, x.second, size, tile);
      Maps<B, typename on::output> all;
      for (std::size_t i = 0; i < a.data.size(); ++i) all.data[i] = std::move(a.data[i]);
      add(all, a.data.size(), b, typename on::b::output{});
      return all;
    }

   private:
    template <class... S>
    static void add(Maps<B, typename on::output>& all, std::size_t count, const Maps<B, Features<S...>>& b,
                    Features<S...>) {
      std::size_t i = 0;
      const auto add_one = [&](int same) {
        const auto& map = b.data[i++];
        if (std::size_t(same) < count)
          all.data[std::size_t(same)] = B::concat(all.data[std::size_t(same)], map);
        else
          all.data[count++] = map;
      };
      (add_one(matching_map<typename on::output, S>::index), ...);
    }
  };
};

}  // namespace cnf
