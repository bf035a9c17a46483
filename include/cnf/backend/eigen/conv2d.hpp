// conv2d on channels-last tensors: cross-correlation with zero padding, as LibTorch's.
//
//   y[o, p] = bias[o] + sum_{i, ky, kx} weight[o, i, ky, kx] x[i, p * stride - padding + (ky, kx)]
//
// A kernel of 1x1 is one matrix product. Others gather the patches of a few output rows at a time and
// multiply: memory beyond the result is bounded by about `gathered_columns` patches, never the whole image.
#pragma once

#include <Eigen/Core>
#include <algorithm>
#include <string>

#include "cnf/backend/eigen/module.hpp"
#include "cnf/backend/eigen/tensor.hpp"

namespace cnf::eigen {

inline constexpr long gathered_columns = 1024;

template <class T>
Tensor<T> conv2d(const Tensor<T>& x, const Parameter<T>& weight, const Parameter<T>* bias, int stride,
                 int padding) {
  using Matrix = Eigen::Matrix<T, Eigen::Dynamic, Eigen::Dynamic>;
  using RowMajor = Eigen::Matrix<T, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
  const long out = weight.size(0), in = weight.size(1), kernel = weight.size(2);
  if (x.channels() != in)
    throw Error("conv2d: expected " + std::to_string(in) + " channels, got " + std::to_string(x.channels()));
  const long h = (x.h + 2 * padding - kernel) / stride + 1, w = (x.w + 2 * padding - kernel) / stride + 1;
  Tensor<T> y(x.n, h, w, typename Tensor<T>::Values(out, x.n * h * w));

  // The weight with its columns in the order in which patches are gathered: (ky, kx, i).
  const Eigen::Map<const RowMajor> stored(weight.values().data(), out, in * kernel * kernel);
  Matrix by_patch(out, in * kernel * kernel);
  for (long i = 0; i < in; ++i)
    for (long k = 0; k < kernel * kernel; ++k) by_patch.col(k * in + i) = stored.col(i * kernel * kernel + k);

  if (kernel == 1 && stride == 1 && padding == 0) {
    y.values.matrix().noalias() = by_patch * x.values.matrix();
  } else {
    const long rows_at_once = std::max(1L, std::min(h, gathered_columns / std::max(1L, w)));
    Matrix patches(in * kernel * kernel, rows_at_once * w);
    for (long n = 0; n < x.n; ++n)
      for (long first = 0; first < h; first += rows_at_once) {
        const long rows = std::min(rows_at_once, h - first);
        for (long row = 0; row < rows; ++row)
          for (long ky = 0; ky < kernel; ++ky) {
            const long sy = (first + row) * stride - padding + ky;
            for (long kx = 0; kx < kernel; ++kx) {
              auto block = patches.block((ky * kernel + kx) * in, row * w, in, w);
              if (sy < 0 || sy >= x.h) {
                block.setZero();
                continue;
              }
              for (long column = 0; column < w; ++column) {
                const long sx = column * stride - padding + kx;
                if (sx < 0 || sx >= x.w)
                  block.col(column).setZero();
                else
                  block.col(column) = x.values.col((n * x.h + sy) * x.w + sx).matrix();
              }
            }
          }
        y.values.middleCols((n * h + first) * w, rows * w).matrix().noalias() =
            by_patch * patches.leftCols(rows * w);
      }
  }
  if (bias) y.values.colwise() += bias->values();
  return y;
}

}  // namespace cnf::eigen
