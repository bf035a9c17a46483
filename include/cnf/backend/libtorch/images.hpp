// What the LibTorch backend does to the pixels of a tensor: squeeze, resize, pad, pool.
#pragma once

#include <ATen/ATen.h>

#include <string>
#include <utility>
#include <vector>

#include "cnf/backend/libtorch/constants.hpp"
#include "cnf/backend/libtorch/layout.hpp"
#include "cnf/core/error.hpp"
#include "cnf/core/tiles.hpp"
#include "cnf/math/cubic.hpp"

namespace cnf::libtorch {

struct Images {
  using Tensor = at::Tensor;

  // Shapes; anything but four dimensions is an Error.
  static long samples(const Tensor& x) { return extent(x, 0); }
  static long channels(const Tensor& x) { return extent(x, 1); }
  static long height(const Tensor& x) { return extent(x, 2); }
  static long width(const Tensor& x) { return extent(x, 3); }
  static bool gradients_enabled() { return at::GradMode::is_enabled(); }

  // Space and depth: channel c of pixel (2y + dy, 2x + dx) is channel c*4 + dy*2 + dx of pixel (y, x).
  static Tensor space_to_depth(Tensor x) {
    if (!is_large_and_ours(x)) return at::pixel_unshuffle(x, 2);
    const auto y = x.view({x.size(0), 4 * x.size(1), x.size(2) / 2, x.size(3) / 2});
    for_each_channel(x, y,
                     [](const Tensor& one, const Tensor& four) { four.copy_(at::pixel_unshuffle(one, 2)); });
    return y.detach();  // else it would hold x, and be nobody's alone
  }
  static Tensor depth_to_space(Tensor x) {
    if (!is_large_and_ours(x)) return at::pixel_shuffle(x, 2);
    const auto y = x.view({x.size(0), x.size(1) / 4, 2 * x.size(2), 2 * x.size(3)});
    for_each_channel(y, x,
                     [](const Tensor& one, const Tensor& four) { one.copy_(at::pixel_shuffle(four, 2)); });
    return y.detach();
  }

  /// Twice the size, bicubic (cubic.hpp) with replicated borders.
  static Tensor enlarge(const Tensor& x) {
    const auto n = x.size(0), c = x.size(1), h = x.size(2), w = x.size(3);
    static const auto taps = [] {
      std::vector<double> all;  // (phase dy*2 + dx, 5, 5)
      for (const auto& vertical : doubling_taps)
        for (const auto& horizontal : doubling_taps)
          for (double v : vertical)
            for (double u : horizontal) all.push_back(v * u);
      return all;
    }();
    const auto padded = at::replication_pad2d(x.reshape({n * c, 1, h, w}), {2, 2, 2, 2});
    const auto weight = constants(taps, {4, 1, 5, 5}, x.options());
    return at::pixel_shuffle(conv2d(padded, weight, {}, 1, 0), 2).view({n, c, 2 * h, 2 * w});
  }

  /// The last column and row repeated, right and below, up to height x width; and their removal.
  static Tensor pad(const Tensor& x, long height, long width) {
    return at::replication_pad2d(x, {0, width - x.size(3), 0, height - x.size(2)});
  }
  /// The upper left part.
  static Tensor crop(const Tensor& x, long height, long width) { return window(x, {0, 0, height, width}); }
  /// Every sample `count` times, in place: a, a, b, b.
  static Tensor repeat_samples(const Tensor& x, long count) {  // repeat_interleave waits for a device
    auto sizes = x.sizes().vec();
    sizes.insert(sizes.begin() + 1, count);
    return x.unsqueeze(1).expand(sizes).flatten(0, 1);
  }

  // Parts of images (core/tiles.hpp).
  static Tensor window(const Tensor& x, const Window& w) {
    return x.narrow(2, w.top, w.height).narrow(3, w.left, w.width);
  }
  static void paste(Tensor& into, const Window& w, const Tensor& part) { window(into, w).copy_(part); }
  static void set_channels(Tensor& into, long first, const Tensor& part) {
    into.narrow(1, first, part.size(1)).copy_(part);
  }
  /// Of any numbers, laid out as x is; with as many channels where none are said.
  static Tensor blank(const Tensor& x, long height, long width, long channels = 0) {
    return at::empty({x.size(0), channels > 0 ? channels : x.size(1), height, width}, x.options(),
                     x.suggest_memory_format());
  }
  /// x, or a copy of it where somebody else holds its numbers too.
  static Tensor owned(Tensor x) { return is_only_ours(x) ? x : x.clone(at::MemoryFormat::Contiguous); }
  static Tensor join_samples(const std::vector<Tensor>& parts) { return at::cat(parts, 0); }
  /// How many numbers the widest map of a tile may have: what fits the cache, on a GPU a small part of its memory.
  static long tile_numbers(const Tensor& like) { return like.is_cpu() ? 1L << 20 : 1L << 26; }

  /// Where row + column + parity is even, `a`; elsewhere `b`.
  static Tensor checkered(const Tensor& a, const Tensor& b, long parity) {
    const auto rows = at::arange(a.size(2), a.options().dtype(at::kLong)).view({1, 1, -1, 1}),
               columns = at::arange(a.size(3), a.options().dtype(at::kLong)).view({1, 1, 1, -1});
    return at::where((rows + columns).remainder(2) == parity % 2, a, b);
  }
  /// Each sample's pixel on height x width.
  static Tensor spread(const Tensor& x, long height, long width) {
    return x.expand({x.size(0), x.size(1), height, width});
  }

  /// 2x2 max-pooling, sizes rounded up; and back by repetition, cut to height x width.
  static Tensor max_pool(const Tensor& x) { return at::max_pool2d(x, 2, 2, 0, 1, /*ceil_mode=*/true); }
  /// Each pixel twice in both directions, cut to a size.
  static Tensor upsample(const Tensor& x, long height, long width) {
    return crop(at::upsample_nearest2d(x, {2 * x.size(2), 2 * x.size(3)}), height, width);
  }

 private:
  static long extent(const Tensor& x, int dimension) {
    if (x.dim() != 4)
      throw Error("expected a tensor of four dimensions (N, C, H, W), got " + std::to_string(x.dim()));
    return long(x.size(dimension));
  }

  /// move(a channel of the large image, the four that it is at half the size): they share their memory.
  template <class Move>
  static void for_each_channel(const Tensor& large, const Tensor& small, const Move& move) {
    for (std::int64_t n = 0; n < large.size(0); ++n)
      for (std::int64_t c = 0; c < large.size(1); ++c)
        move(large[n].narrow(0, c, 1), small[n].narrow(0, 4 * c, 4));
  }
};

}  // namespace cnf::libtorch
