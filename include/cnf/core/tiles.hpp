// Tiles: large images without gradients, piece by piece, so that memory beyond the image and its features is that of a
// piece.
//
// A coupling, split or prior changes pixels one by one; only its network looks around, no further than its radius. So the
// network runs on a tile and a halo of its radius, and what it says about the halo is dropped: the result is that of the
// whole image up to rounding, at the border too, where a tile ends with the image and sees the same zeros. What follows
// happens in place where nobody else holds the numbers. Networks with statistics of the whole image (InstanceNorm) have
// an `unbounded` radius and take it at once (nets/tiled.hpp, and `Model::tiled`).
#pragma once

#include <algorithm>
#include <functional>
#include <utility>

namespace cnf {

/// The radius of a network whose every output may see every pixel.
inline constexpr int unbounded = -1;

/// The radius of two networks one after the other, and of two side by side.
constexpr int radius_after(int a, int b) { return a == unbounded || b == unbounded ? unbounded : a + b; }
/// Of two side by side.
constexpr int radius_beside(int a, int b) {
  return a == unbounded || b == unbounded ? unbounded : std::max(a, b);
}

/// What the shape rules of a network or extractor say, or `unbounded`.
template <class On>
consteval int radius_of() {
  if constexpr (requires { On::radius; })
    return On::radius;
  else
    return unbounded;
}

/// The channels of its widest map, where it says so.
template <class On>
consteval int width_of() {
  if constexpr (requires { On::width; })
    return On::width;
  else
    return 1;
}

/// Whether all networks of a layer, extractor or dequantizer can run in tiles.
template <class On>
consteval bool runs_in_tiles() {
  if constexpr (requires { On::tiled; })
    return On::tiled;
  else
    return false;
}

/// A part of an image, in pixels.
struct Window {
  /// Pixels.
  long top = 0, left = 0, height = 0, width = 0;

  /// The same place in an image that is to / from times as large.
  Window scaled(long to, long from) const {
    return {top * to / from, left * to / from, height * to / from, width * to / from};
  }
  /// The same place, counted from the corner of a window that holds it.
  Window within(const Window& outer) const { return {top - outer.top, left - outer.left, height, width}; }
};

/// Calls visit(tile, seen) for the tiles of an image; `seen` is the tile and its halo, cut at the image's border.
template <class Visit>
void for_each_tile(long height, long width, long side, long halo, const Visit& visit) {
  for (long top = 0; top < height; top += side)
    for (long left = 0; left < width; left += side) {
      const Window tile{top, left, std::min(side, height - top), std::min(side, width - left)};
      const long first = std::max(0L, top - halo), start = std::max(0L, left - halo);
      visit(tile, Window{first, start, std::min(height, top + tile.height + halo) - first,
                         std::min(width, left + tile.width + halo) - start});
    }
}

/// While it lives, it is told of every tile that a network has run in this thread, and of its multiply-adds (its weights
/// times the tile's pixels). What it throws ends the work.
class TileWatch {
 public:
  /// told(multiply_adds) is called after each tile.
  explicit TileWatch(std::function<void(double multiply_adds)> told)
      : before_(std::exchange(told_, std::move(told))) {}
  TileWatch(const TileWatch&) = delete;
  TileWatch& operator=(const TileWatch&) = delete;
  ~TileWatch() { told_ = std::move(before_); }

  /// Tells the one that lives in this thread.
  static void tell(double multiply_adds) {
    if (told_) told_(multiply_adds);
  }

 private:
  inline static thread_local std::function<void(double)> told_;
  std::function<void(double)> before_;
};

/// f(part, window) for bands of rows of x, each of which gives as many channels; in place where nobody else has x. With
/// gradients, and for small x: f(x, all of it).
template <class B, class F>
typename B::Tensor by_bands(typename B::Tensor x, const F& f) {
  constexpr long at_once = 1L << 20;  // numbers
  const long height = B::height(x), width = B::width(x), row = B::samples(x) * B::channels(x) * width;
  if (B::gradients_enabled() || height * row <= 2 * at_once) return f(x, Window{0, 0, height, width});
  auto all = B::owned(std::move(x));
  const long rows = std::max(1L, at_once / row);
  for (long top = 0; top < height; top += rows) {
    const Window band{top, 0, std::min(rows, height - top), width};
    B::paste(all, band, f(B::window(all, band), band));
  }
  return all;
}

}  // namespace cnf
