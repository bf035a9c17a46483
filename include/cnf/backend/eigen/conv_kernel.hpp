// The inner loop of conv2d: a tile of a few outputs at a few pixels, held in registers.
//
//   y[o, p] = start[o, p] + sum_{tap, c} weight[o, tap, c] x_p,tap[c]
//
// x_p,tap points at the channels of the pixel that a tap sees, or at zeros beyond the border: nothing is gathered
// or padded. It is compiled for several instruction sets, and the best that the processor has is chosen when
// it runs, whatever the flags of the program.
#pragma once

#include <algorithm>

namespace cnf::eigen::detail {

template <class T>
struct ConvTile {
  const T* weight;    // packed: for every tap and channel the outputs of the tile
  const T* const* x;  // x[tap * x_stride + pixel]
  long taps, channels, x_stride;
  const T* const* start;  // of each pixel, plus the tile's first output
  long first;
  T* y;  // of the first output and pixel
  long y_stride;
  long outputs, pixels;  // of the tile, that exist
};

// Rows vectors of BYTES bytes times PIXELS pixels. A macro, because a function for another instruction set than
// the file's can inline nothing that is not.
#define CNF_CONV_KERNEL(NAME, TARGET, BYTES, PIXELS)                                              \
  struct NAME {                                                                                   \
    static constexpr int bytes = BYTES, pixels = PIXELS;                                          \
    template <class T, int Rows>                                                                  \
    TARGET static void run(const ConvTile<T>& tile) {                                             \
      typedef T Vector __attribute__((vector_size(BYTES)));                                       \
      typedef T Loose __attribute__((vector_size(BYTES), aligned(alignof(T)), may_alias));        \
      constexpr int lanes = BYTES / int(sizeof(T));                                               \
      Vector sum[Rows][PIXELS] = {};                                                              \
      const T* w = tile.weight;                                                                   \
      for (long tap = 0; tap < tile.taps; ++tap) {                                                \
        const T* x[PIXELS];                                                                       \
        for (int p = 0; p < PIXELS; ++p) x[p] = tile.x[tap * tile.x_stride + p];                  \
        for (long c = 0; c < tile.channels; ++c, w += Rows * lanes) {                             \
          Vector a[Rows];                                                                         \
          _Pragma("GCC unroll 2") for (int r = 0; r < Rows; ++r) a[r] =                           \
              *reinterpret_cast<const Loose*>(w + r * lanes);                                     \
          _Pragma("GCC unroll 16") for (int p = 0; p < PIXELS; ++p)                               \
              _Pragma("GCC unroll 2") for (int r = 0; r < Rows; ++r) sum[r][p] += a[r] * x[p][c]; \
        }                                                                                         \
      }                                                                                           \
      _Pragma("GCC unroll 16") for (int p = 0; p < PIXELS; ++p) {                                 \
        if (p >= tile.pixels) break;                                                              \
        _Pragma("GCC unroll 2") for (int r = 0; r < Rows; ++r) {                                  \
          const T* start = tile.start[p] + tile.first + r * lanes;                                \
          T* y = tile.y + p * tile.y_stride + r * lanes;                                          \
          if ((r + 1) * lanes <= tile.outputs)                                                    \
            *reinterpret_cast<Loose*>(y) = sum[r][p] + *reinterpret_cast<const Loose*>(start);    \
          else                                                                                    \
            for (long l = 0; l < tile.outputs - r * lanes; ++l) y[l] = start[l] + sum[r][p][l];   \
        }                                                                                         \
      }                                                                                           \
    }                                                                                             \
  };

#if defined(__x86_64__)
CNF_CONV_KERNEL(Avx512, [[gnu::target("avx512f")]], 64, 12)
CNF_CONV_KERNEL(Avx2, [[gnu::target("avx2,fma")]], 32, 6)
#endif
CNF_CONV_KERNEL(Portable, , 16, 6)

#undef CNF_CONV_KERNEL

template <class T>
struct ConvKernel {
  int lanes;                        // outputs a vector
  int pixels;                       // of a tile
  void (*one)(const ConvTile<T>&);  // vector of outputs a tile
  void (*two)(const ConvTile<T>&);

  template <class Isa>
  static ConvKernel of() {
    return {Isa::bytes / int(sizeof(T)), Isa::pixels, &Isa::template run<T, 1>, &Isa::template run<T, 2>};
  }

  /// The fastest on this processor.
  static const ConvKernel& best() {
    static const ConvKernel kernel = [] {
#if defined(__x86_64__)
      if (__builtin_cpu_supports("avx512f")) return of<Avx512>();
      if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) return of<Avx2>();
#endif
      return of<Portable>();
    }();
    return kernel;
  }
};

}  // namespace cnf::eigen::detail
