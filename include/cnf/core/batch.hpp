// Run-time values that carry their shape in their type.
//
//   Batch<B, Shape<3, 32, 32>>          N samples on backend B; `.data` is the backend's tensor
//   Maps<B, Features<S0, S1>>           one batch per shape; `.get<1>()` is a Batch<B, S1>
//   Maps<B, Latents<S0, S1>>            the same for latents
//
// Making a Batch of a tensor with other channels, or another fixed extent, throws Error: a wrong shape never
// broadcasts in silence.
#pragma once

#include <array>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "cnf/core/conditions.hpp"
#include "cnf/core/error.hpp"
#include "cnf/shape/features.hpp"

namespace cnf {

template <class B, class S>
struct Batch {
  using backend = B;
  /// Its shape.
  using shape = S;

  Batch() = default;
  /// Error where its sizes are not those of the shape.
  explicit Batch(typename B::Tensor tensor) : data(std::move(tensor)) {
    if (B::channels(data) != S::channels || !may_be(S::height, B::height(data)) ||
        !may_be(S::width, B::width(data)))
      throw Error("expected a batch of " + shape_text<S>() + ", got " + std::to_string(B::samples(data)) +
                  " of " + std::to_string(B::channels(data)) + "x" + std::to_string(B::height(data)) + "x" +
                  std::to_string(B::width(data)));
  }

  /// N.
  long samples() const { return B::samples(data); }
  /// Pixels of a sample.
  long area() const { return B::height(data) * B::width(data); }

  /// The backend's tensor, (N, C, H, W).
  typename B::Tensor data;
};

/// A feature map as a network sees it, and what was computed from it beforehand.
template <class B, class S>
struct SeenMap : Batch<B, S> {
  /// What was computed once for the map.
  const Prepared<B>* prepared = nullptr;
  int index = 0;  // which of the maps it is

  SeenMap() = default;
  /// A map, and which of the prepared ones it is.
  SeenMap(Batch<B, S> map, const Prepared<B>* from_map = nullptr, int which = 0)
      : Batch<B, S>(std::move(map)), prepared(from_map), index(which) {}

  /// The map as networks want it, already laid out where it is the one that was prepared.
  const typename B::Tensor& for_networks() const {
    return prepared && B::samples(prepared->map(index)) == this->samples() ? prepared->map(index)
                                                                           : this->data;
  }

  /// A network's share; nothing where it must do without.
  std::optional<typename B::Tensor> share(const typename Conditions<B>::Slot& slot) const {
    return prepared ? prepared->share(slot) : std::nullopt;
  }
};

template <class B, class List>
struct Maps {
  using list = List;

  /// Map number I; with the wrong shape inside, an Error.
  template <int I>
  Batch<B, nth_t<I, List>> get() const {
    return Batch<B, nth_t<I, List>>(data[I]);
  }

  /// The map that a layer on In reads; an empty batch in an unconditional flow.
  template <class In>
  SeenMap<B, condition_t<List, In>> condition() const {
    if constexpr (List::count == 0)
      return {};
    else
      return {get<matching_map<List, In>::index>(), prepared.get(), matching_map<List, In>::index};
  }

  /// A tensor a shape.
  std::array<typename B::Tensor, List::count> data;
  /// From as many samples as `data`, or from fewer when `data` repeats each of them.
  std::shared_ptr<const Prepared<B>> prepared{};
};

/// Two lists of maps as one.
template <class B, class L0, class L1>
Maps<B, join_t<L0, L1>> joined(Maps<B, L0> a, Maps<B, L1> b) {
  Maps<B, join_t<L0, L1>> all;
  for (std::size_t i = 0; i < a.data.size(); ++i) all.data[i] = std::move(a.data[i]);
  for (std::size_t i = 0; i < b.data.size(); ++i) all.data[a.data.size() + i] = std::move(b.data[i]);
  return all;
}

/// Maps First, First + 1, ... of a list.
template <class List, int First, class B, class All>
Maps<B, List> stretch(Maps<B, All>&& all) {
  Maps<B, List> some;
  for (std::size_t i = 0; i < some.data.size(); ++i) some.data[i] = std::move(all.data[First + i]);
  return some;
}

}  // namespace cnf
