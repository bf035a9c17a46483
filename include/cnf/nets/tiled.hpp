// Networks and extractors in tiles (core/tiles.hpp).
//
//   TiledNet<Net, B, In, Condition, Out> net(scope);     inside a layer, in place of the bound Net
//   net(z, h)                                            what Net says, of the whole image
//   if (net.in_tiles(state)) net.for_each_tile(...)      what it says, tile by tile
//   extracted(extractor, x, size, asked)                 the maps of an extractor, in tiles where x is large
//
// The side of a tile is that of Model's option `tile`, or chosen by the backend, so that what a network of this width holds at
// once fits the cache, or a small part of the device's memory.
#pragma once

#include <array>
#include <cmath>
#include <optional>
#include <utility>

#include "cnf/core/inputs.hpp"
#include "cnf/core/tiles.hpp"
#include "cnf/nets/network.hpp"

namespace cnf::detail {

/// Pixels of a tile's side, for a network of this width and radius.
template <class B, class On>
long tile_side(long asked, const typename B::Tensor& like) {
  if (asked > 0) return asked;
  const long fits = long(std::sqrt(double(B::tile_numbers(like)) / On::width)) / 32 * 32;
  return std::max({64L, fits, 8L * On::radius});
}

/// Whether an image is so much larger than a tile that tiles pay; each that was asked for does.
inline bool is_larger_than_tiles(long height, long width, long side, long asked) {
  return asked > 0 ? std::max(height, width) > side : height * width > 2 * side * side;
}

/// Multiply-adds of a tile.
template <class B, class On>
double work(const typename B::Tensor& like, const Window& tile) {
  return double(B::samples(like)) * double(tile.height * tile.width) * double(On::parameters);
}

/// A part of an image whose type says how large it is would be another type.
template <class S>
inline constexpr bool has_free_extents = false;
template <int C, auto H, auto W>
inline constexpr bool has_free_extents<Shape<C, H, W>> = !is_fixed(H) && !is_fixed(W);

template <class Net, class B, class In, class Condition, int Out>
struct TiledNet {
  using Tensor = typename B::Tensor;
  using on = typename Net::template On<In, Condition, Out>;
  static constexpr bool can = radius_of<on>() != unbounded && has_free_extents<In>;

  typename Net::template Bound<B, In, Condition, Out> whole;
  long asked;

  explicit TiledNet(Scope<B> scope) : whole(scope), asked(scope.tile()) {}

  auto operator()(const Batch<B, In>& z, const SeenMap<B, Condition>& h) const { return whole(z, h); }

  /// Whether it should run in tiles over this state.
  bool in_tiles(const Tensor& state) const {
    if constexpr (can)
      return !B::gradients_enabled() &&
             is_larger_than_tiles(B::height(state), B::width(state), tile_side<B, on>(asked, state), asked);
    else
      return false;
  }

  /// Calls take(tile, what the network says there); look(window) is what it sees of y. What it would share with
  /// other networks (core/conditions.hpp) is computed in the tile: shares of the whole image would be larger than its map.
  template <class Look, class Take>
  void for_each_tile(const Tensor& state, const SeenMap<B, Condition>& h, const Look& look,
                     const Take& take) const {
    if constexpr (can)
      cnf::for_each_tile(B::height(state), B::width(state), tile_side<B, on>(asked, state), on::radius,
                         [&](const Window& tile, const Window& seen) {
                           SeenMap<B, Condition> map;
                           if constexpr (Condition::channels > 0)
                             map.data = B::window(h.for_networks(), seen);
                           take(tile, B::window(whole(look(seen), map).data, tile.within(seen)));
                           TileWatch::tell(work<B, on>(state, tile));
                         });
  }
};

/// The sum of the log-determinants of tiles.
template <class B>
class Summed {
 public:
  void add(typename B::PerSample part) { sum_ = sum_ ? *sum_ + part : std::move(part); }
  typename B::PerSample sum() const { return *sum_; }

 private:
  std::optional<typename B::PerSample> sum_;
};

/// How many pixels of each map stand for how many of the input In, both of dynamic extents: to / from.
template <class List, class In>
struct MapScales;
template <class... S, class In>
struct MapScales<Features<S...>, In> {
  static constexpr std::array<std::array<long, 2>, sizeof...(S)> all{
      std::array<long, 2>{divisor_of(In::height), divisor_of(S::height)}...};
  /// The pixels of the input that a pixel of the smallest map stands for.
  static constexpr long unit = std::max({1L, long{divisor_of(S::height)} / divisor_of(In::height)...});
  /// Whether that is so down and across.
  static constexpr bool valid = ((has_free_extents<S> && divisor_of(S::height) * divisor_of(In::width) ==
                                                             divisor_of(S::width) * divisor_of(In::height)) &&
                                 ...);
};

/// extract(x): the maps of x, or of a window of it.
template <class On, class B, class In, class Extract>
auto extracted_by(const Extract& extract, const Batch<B, In>& x, long asked) {
  using List = typename On::output;
  if constexpr (radius_of<On>() != unbounded && has_free_extents<In> && MapScales<List, In>::valid) {
    constexpr long unit = MapScales<List, In>::unit;
    constexpr auto scales = MapScales<List, In>::all;
    const auto whole = [](long pixels) { return (pixels + unit - 1) / unit * unit; };
    const long height = B::height(x.data), width = B::width(x.data),
               side = whole(tile_side<B, On>(asked, x.data));
    if (!B::gradients_enabled() && is_larger_than_tiles(height, width, side, asked)) {
      Maps<B, List> all;
      for_each_tile(height, width, side, whole(On::radius), [&](const Window& tile, const Window& seen) {
        const Maps<B, List> part = extract(Batch<B, In>(B::window(x.data, seen)));
        for (std::size_t i = 0; i < scales.size(); ++i) {
          const auto [to, from] = scales[i];
          if (tile.top == 0 && tile.left == 0)
            all.data[i] = B::blank(part.data[i], height * to / from, width * to / from);
          B::paste(all.data[i], tile.scaled(to, from),
                   B::window(part.data[i], tile.within(seen).scaled(to, from)));
        }
        TileWatch::tell(work<B, On>(x.data, tile));
      });
      return all;
    }
  }
  return Maps<B, List>(extract(x));
}

/// The maps of an extractor, for a target of this size.
template <class Extractor, class B, class In>
Maps<B, typename Extractor::template On<In>::output> extracted(
    const typename Extractor::template Bound<B, In>& extractor, const input_t<B, In>& x, Extents size,
    long asked) {
  if constexpr (requires { extractor(x, size); })
    return extractor(x, size);
  else if constexpr (is_shape<In>)
    return extracted_by<typename Extractor::template On<In>>(
        [&](const auto& part) { return extractor(part); }, x, asked);
  else
    return extractor(x);
}

}  // namespace cnf::detail
