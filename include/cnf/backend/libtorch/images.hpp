// What the LibTorch backend does to the pixels of a tensor: squeeze, resize, pad, pool.
#pragma once

#include <ATen/ATen.h>

#include <vector>

#include "cnf/backend/cubic.hpp"
#include "cnf/backend/libtorch/constants.hpp"
#include "cnf/backend/libtorch/layout.hpp"

namespace cnf::libtorch {

struct Images {
  using Tensor = at::Tensor;

  // Space and depth: channel c of pixel (2y + dy, 2x + dx) is channel c*4 + dy*2 + dx of pixel (y, x).
  static Tensor space_to_depth(const Tensor& x) { return at::pixel_unshuffle(x, 2); }
  static Tensor depth_to_space(const Tensor& x) { return at::pixel_shuffle(x, 2); }

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

  /// Zeros right and below up to height x width; and their removal.
  static Tensor pad(const Tensor& x, long height, long width) {
    return at::constant_pad_nd(x, {0, width - x.size(3), 0, height - x.size(2)});
  }
  static Tensor crop(const Tensor& x, long height, long width) {
    return x.narrow(2, 0, height).narrow(3, 0, width);
  }
  /// Every sample `count` times, in place: a, a, b, b.
  static Tensor repeat_samples(const Tensor& x, long count) {  // repeat_interleave waits for a device
    auto sizes = x.sizes().vec();
    sizes.insert(sizes.begin() + 1, count);
    return x.unsqueeze(1).expand(sizes).flatten(0, 1);
  }

  /// 2x2 max-pooling, sizes rounded up; and back by repetition, cut to height x width.
  static Tensor max_pool(const Tensor& x) { return at::max_pool2d(x, 2, 2, 0, 1, /*ceil_mode=*/true); }
  static Tensor upsample(const Tensor& x, long height, long width) {
    return crop(at::upsample_nearest2d(x, {2 * x.size(2), 2 * x.size(3)}), height, width);
  }
};

}  // namespace cnf::libtorch
