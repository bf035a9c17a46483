// The weight of a convolution in the order in which conv2d reads it.
//
// Outputs come in tiles of two vectors (conv_kernel.hpp), and in one of one vector where that holds the rest; in
// a tile, numbers lie by (ky, kx, input, output). The last tile ends with zeros.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdlib>
#include <memory>
#include <new>
#include <vector>

#include "cnf/backend/eigen/conv_kernel.hpp"
#include "cnf/backend/eigen/parallel.hpp"

namespace cnf::eigen {

template <class T>
class ConvWeight {
 public:
  ConvWeight() = default;

  /// Of sizes (out, in, k, k), all 0: no memory is touched before it is read.
  explicit ConvWeight(const std::vector<long>& sizes)
      : out_(sizes[0]),
        in_(sizes[1]),
        kernel_(sizes[2]),
        taps_(sizes[2] * sizes[3]),
        lanes_(detail::ConvKernel<T>::best().lanes) {
    const long padded = (out_ + lanes_ - 1) / lanes_ * lanes_;
    const auto bytes = static_cast<std::size_t>(padded * in_ * taps_) * sizeof(T) + line;
    memory_.reset(std::calloc(bytes, 1), &std::free);
    if (!memory_) throw std::bad_alloc();
    void* first = memory_.get();
    auto room = bytes;
    numbers_ = static_cast<T*>(std::align(line, bytes - line, first, room));
  }

  /// From numbers in row-major order.
  ConvWeight(const std::vector<long>& sizes, const T* from) : ConvWeight(sizes) {
    parallel_for(tiles(), double(out_ * in_ * taps_), [&](long tile) {
      for_each(tile, [&](long row_major, T& number) { number = from[row_major]; });
    });
  }

  /// In row-major order.
  std::vector<double> to_host() const {
    std::vector<double> all(static_cast<std::size_t>(out_ * in_ * taps_));
    for (long tile = 0; tile < tiles(); ++tile)
      for_each(tile, [&](long row_major, const T& number) { all[std::size_t(row_major)] = double(number); });
    return all;
  }

  /// Channels that it gives.
  long outputs() const { return out_; }
  /// Channels that it takes.
  long inputs() const { return in_; }
  /// Pixels of a side.
  long kernel() const { return kernel_; }
  /// Tiles of output channels.
  long tiles() const { return (out_ + 2 * lanes_ - 1) / (2 * lanes_); }
  /// Where the numbers of a tile begin.
  const T* tile(long i) const { return numbers_ + i * 2 * lanes_ * in_ * taps_; }

 private:
  static constexpr std::size_t line = 64;  // bytes
  static constexpr long piece = 16;  // numbers of a row that are moved together: about a cache line of them

  /// visit(row-major index, number) for the rows of a tile's outputs. Outputs follow each other while the lines of a
  /// piece of their rows are in the cache.
  template <class Visit>
  void for_each(long tile, const Visit& visit) const {
    const long start = tile * 2 * lanes_, outputs = std::min(2 * lanes_, out_ - start);
    const long wide = outputs > lanes_ ? 2 * lanes_ : lanes_, row = in_ * taps_;
    T* const numbers = numbers_ + start * row;
    for (long first = 0; first < row; first += piece) {
      const long count = std::min(piece, row - first);
      std::array<T*, piece> at{};
      for (long e = 0; e < count; ++e)
        at[std::size_t(e)] = numbers + ((first + e) % taps_ * in_ + (first + e) / taps_) * wide;
      for (long o = 0; o < outputs; ++o)
        for (long e = 0; e < count; ++e) visit((start + o) * row + first + e, at[std::size_t(e)][o]);
    }
  }

  long out_ = 0, in_ = 0, kernel_ = 0, taps_ = 0, lanes_ = 1;
  std::shared_ptr<void> memory_;
  T* numbers_ = nullptr;
};

}  // namespace cnf::eigen
