// Fixed permutations of channels; volume-preserving.
//
//   Permute<2, 0, 1>   output channel i is input channel 2, 0, 1; fed anything but three: a compile error
//   Reverse            the last channel first, for any number
//   Swap               the second half first, for any number: of an even one, a coupling after it changes what the one before kept
#pragma once

#include "cnf/core/layer.hpp"

namespace cnf {

namespace detail {

/// The order that undoes another.
template <std::size_t C>
constexpr std::array<int, C> undoing(const std::array<int, C>& order) {
  std::array<int, C> back{};
  for (std::size_t i = 0; i < C; ++i) back[std::size_t(order[i])] = int(i);
  return back;
}

template <class Spec, class B, class In, class F>
struct Permuting {
  static constexpr auto to = Spec::template order<In::channels>(), from = undoing(to);

  explicit Permuting(Scope<B>) {}

  Forward<B, Spec, In, F> forward(const Batch<B, In>& x, const Maps<B, F>&) const {
    return {.y = Batch<B, In>(B::permute_channels(x.data, to))};
  }
  Batch<B, In> inverse(const Batch<B, In>& y, const Maps<B, Latents<>>&, const Maps<B, F>&) const {
    return Batch<B, In>(B::permute_channels(y.data, from));
  }
};

}  // namespace detail

template <int... Source>
struct Permute {
  static std::string describe() {
    std::string text;
    ((text += (text.empty() ? "" : ", ") + std::to_string(Source)), ...);
    return "Permute<" + text + ">";
  }

  template <int C>
  static constexpr std::array<int, C> order() {
    return {Source...};
  }

  /// Whether each channel is named once.
  static constexpr bool is_permutation() {
    int n = sizeof...(Source), found = 0;
    for (int i = 0; i < n; ++i) found += (0 + ... + int(Source == i)) == 1;
    return found == n;
  }

  template <class In, class F>
  struct On : Elementwise<In> {
    static constexpr bool same_channels = In::channels == int(sizeof...(Source));
    static constexpr bool valid = same_channels && is_permutation();
    static constexpr bool volume_preserving = true;

    static consteval bool check() {
      static_assert(is_permutation(), "cnf: Permute names every channel from 0 to n - 1 once");
      static_assert(same_channels, "cnf: Permute was written for another number of channels than it is fed");
      return true;
    }
  };

  template <class B, class In, class F>
  using Bound = detail::Permuting<Permute, B, In, F>;
};

struct Reverse {
  static std::string describe() { return "Reverse"; }

  template <int C>
  static constexpr std::array<int, C> order() {
    std::array<int, C> o{};
    for (int i = 0; i < C; ++i) o[std::size_t(i)] = C - 1 - i;
    return o;
  }

  template <class In, class F>
  struct On : Elementwise<In> {
    static constexpr bool volume_preserving = true;
  };

  template <class B, class In, class F>
  using Bound = detail::Permuting<Reverse, B, In, F>;
};

struct Swap {
  static std::string describe() { return "Swap"; }

  template <int C>
  static constexpr std::array<int, C> order() {
    std::array<int, C> o{};
    for (int i = 0; i < C; ++i) o[std::size_t(i)] = (C / 2 + i) % C;
    return o;
  }

  template <class In, class F>
  struct On : Elementwise<In> {
    static constexpr bool volume_preserving = true;
  };

  template <class B, class In, class F>
  using Bound = detail::Permuting<Swap, B, In, F>;
};

}  // namespace cnf
