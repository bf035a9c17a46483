// conv2d on channels-last tensors: cross-correlation with zero padding, as LibTorch's.
//
//   y[o, p] = start[o, p] + sum_{i, ky, kx} weight[o, i, ky, kx] x[i, p * stride - padding + (ky, kx)]
//
// `start` is a bias, or a tensor of y's size or of fewer samples that are each repeated, such as the share of a
// feature map (core/conditions.hpp). Pixels are read where they lie (conv_kernel.hpp): memory beyond the result
// is a table of pointers for a few dozen pixels a thread.
#pragma once

#include <Eigen/Core>
#include <algorithm>
#include <string>
#include <vector>

#include "cnf/backend/eigen/conv_kernel.hpp"
#include "cnf/backend/eigen/conv_weight.hpp"
#include "cnf/backend/eigen/parallel.hpp"
#include "cnf/backend/eigen/tensor.hpp"

namespace cnf::eigen {

/// `start`: one column for all pixels, or a column for each pixel of the samples.
template <class T, class Start>
Tensor<T> conv2d(const Tensor<T>& x, const ConvWeight<T>& weight, const Start& start, int stride,
                 int padding) {
  const long out = weight.outputs(), in = weight.inputs(), kernel = weight.kernel(), taps = kernel * kernel;
  if (x.channels() != in)
    throw Error("conv2d: expected " + std::to_string(in) + " channels, got " + std::to_string(x.channels()));
  const long h = (x.h + 2 * padding - kernel) / stride + 1, w = (x.w + 2 * padding - kernel) / stride + 1;
  const long columns = x.n * h * w, repeats = start.cols() == 1 ? 0 : columns / start.cols();
  Tensor<T> y(x.n, h, w, typename Tensor<T>::Values(out, columns));
  T* const to = y.own().data();

  const auto& best = detail::ConvKernel<T>::best();
  const std::vector<T> beyond(static_cast<std::size_t>(in));
  const long pair = 2 * best.lanes, tiles = weight.tiles();

  // A task is a block of pixels times a share of the outputs: few pixels are not too few for all cores, and blocks
  // are even.
  constexpr long groups_at_once = 8;
  const long groups = (columns + best.pixels - 1) / best.pixels, cores = threads();
  long blocks = (groups + groups_at_once - 1) / groups_at_once;
  if (blocks > 1 || tiles < cores) blocks = std::min(groups, (blocks + cores - 1) / cores * cores);
  const long shares = std::clamp(4 * cores / std::max(1L, blocks), 1L, tiles);
  const long at_once = groups_at_once * best.pixels;
  const double work = double(columns) * double(out) * double(in * taps);
  parallel_for(blocks * shares, work, [&](long task) {
    const long block = task / shares, share = task % shares;
    const long first = block * groups / blocks * best.pixels,
               last = std::min(columns, (block + 1) * groups / blocks * best.pixels);
    std::vector<const T*> seen(std::size_t(taps * at_once), beyond.data());
    std::vector<const T*> starts(static_cast<std::size_t>(at_once));
    for (long column = first; column < last; ++column) {
      const long sample = column / (h * w), row = column / w % h * stride - padding,
                 left = column % w * stride - padding;
      starts[std::size_t(column - first)] =
          start.data() + (repeats == 0 ? 0 : (sample / repeats * h * w + column % (h * w)) * out);
      for (long ky = 0; ky < kernel; ++ky)
        for (long kx = 0; kx < kernel; ++kx) {
          const long sy = row + ky, sx = left + kx;
          if (sy >= 0 && sy < x.h && sx >= 0 && sx < x.w)
            seen[std::size_t((ky * kernel + kx) * at_once + column - first)] =
                x.values().data() + ((sample * x.h + sy) * x.w + sx) * in;
        }
    }
    for (long tile = share * tiles / shares; tile < (share + 1) * tiles / shares; ++tile) {
      const long o = tile * pair;
      const auto run = out - o > best.lanes ? best.two : best.one;
      for (long p = first; p < last; p += best.pixels)
        run({.weight = weight.tile(tile),
             .x = seen.data() + (p - first),
             .taps = taps,
             .channels = in,
             .x_stride = at_once,
             .start = starts.data() + (p - first),
             .first = o,
             .y = to + p * out + o,
             .y_stride = out,
             .outputs = std::min(pair, out - o),
             .pixels = std::min(long(best.pixels), last - p)});
    }
  });
  return y;
}

}  // namespace cnf::eigen
