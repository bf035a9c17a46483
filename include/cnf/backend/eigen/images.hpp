// What the Eigen backend does to the pixels of a tensor: squeeze, resize, pad, pool.
#pragma once

#include <algorithm>
#include <cstddef>
#include <limits>
#include <vector>

#include "cnf/backend/eigen/tensor.hpp"
#include "cnf/core/tiles.hpp"
#include "cnf/math/cubic.hpp"

namespace cnf::eigen {

template <class T>
struct Images {
  using Tensor = eigen::Tensor<T>;

  // Shapes.
  static long samples(const Tensor& x) { return x.n; }
  static long channels(const Tensor& x) { return x.channels(); }
  static long height(const Tensor& x) { return x.h; }
  static long width(const Tensor& x) { return x.w; }
  static bool gradients_enabled() { return false; }

  // Space and depth.
  static Tensor space_to_depth(const Tensor& x) {
    const long channels = x.channels();
    Tensor y(x.n, x.h / 2, x.w / 2, typename Tensor::Values(4 * channels, x.values().cols() / 4));
    for_each_quad(y, channels, [&, to = y.own().data()](long column, int corner, long wide) {
      const T* const from = x.pixel(wide);
      for (long c = 0; c < channels; ++c) to[4 * (column * channels + c) + corner] = from[c];
    });
    return y;
  }
  static Tensor depth_to_space(const Tensor& y) {
    const long channels = y.channels() / 4;
    Tensor x(y.n, 2 * y.h, 2 * y.w, typename Tensor::Values(channels, 4 * y.values().cols()));
    for_each_quad(y, channels, [&, to = x.own().data()](long column, int corner, long wide) {
      const T* const from = y.pixel(column);
      for (long c = 0; c < channels; ++c) to[wide * channels + c] = from[4 * c + corner];
    });
    return x;
  }

  static Tensor enlarge(const Tensor& x) {
    Tensor y(x.n, 2 * x.h, 2 * x.w, filled(x.channels(), 4 * x.values().cols(), 0));
    for_each_quad(x, 25 * x.channels(), [&, &to = y.own()](long column, int corner, long wide) {
      const long cx = column % x.w, cy = column / x.w % x.h, first = column - cy * x.w - cx;
      for (long v = 0; v < 5; ++v)
        for (long u = 0; u < 5; ++u) {
          const long sy = std::clamp(cy + v - 2, 0L, x.h - 1), sx = std::clamp(cx + u - 2, 0L, x.w - 1);
          const double weight = doubling_taps[std::size_t(corner / 2)][std::size_t(v)] *
                                doubling_taps[std::size_t(corner % 2)][std::size_t(u)];
          to.col(wide) += T(weight) * x.values().col(first + sy * x.w + sx);
        }
    });
    return y;
  }

  static Tensor pad(const Tensor& x, long height, long width) {
    Tensor y(x.n, height, width, typename Tensor::Values(x.channels(), x.n * height * width));
    T* to = y.own().data();
    for (long n = 0; n < x.n; ++n)
      for (long r = 0; r < height; ++r)
        for (long c = 0; c < width; ++c)
          to = std::copy_n(x.pixel((n * x.h + std::min(r, x.h - 1)) * x.w + std::min(c, x.w - 1)),
                           x.channels(), to);
    return y;
  }
  static Tensor crop(const Tensor& x, long height, long width) { return window(x, {0, 0, height, width}); }
  static Tensor repeat_samples(const Tensor& x, long count) {
    Tensor y(x.n * count, x.h, x.w, typename Tensor::Values(x.channels(), x.values().cols() * count));
    const long size = x.area() * x.channels();
    for (long i = 0; i < y.n; ++i)
      std::copy_n(x.pixel(i / count * x.area()), size, y.own().data() + i * size);
    return y;
  }

  // Parts of images (core/tiles.hpp).
  static Tensor window(const Tensor& x, const Window& w) {
    Tensor y(x.n, w.height, w.width, typename Tensor::Values(x.channels(), x.n * w.height * w.width));
    T* const to = y.own().data();
    for_each_row(x, w, [&](long row, long column) {
      std::copy_n(x.pixel(column), w.width * x.channels(), to + row * w.width * x.channels());
    });
    return y;
  }
  static void paste(Tensor& into, const Window& w, const Tensor& part) {
    T* const to = into.own().data();
    for_each_row(into, w, [&](long row, long column) {
      std::copy_n(part.pixel(row * w.width), w.width * into.channels(), to + column * into.channels());
    });
  }
  static void set_channels(Tensor& into, long first, const Tensor& part) {
    T* const to = into.own().data();
    const long channels = into.channels();
    by_stretches(long(part.values().cols()), part.channels(),
                 [&](long p) { std::copy_n(part.pixel(p), part.channels(), to + p * channels + first); });
  }
  static Tensor blank(const Tensor& x, long height, long width, long channels = 0) {
    return {x.n, height, width,
            typename Tensor::Values(channels > 0 ? channels : x.channels(), x.n * height * width)};
  }
  static Tensor owned(Tensor x) {
    x.own();
    return x;
  }
  static Tensor join_samples(const std::vector<Tensor>& parts) {
    long n = 0;
    for (const auto& part : parts) n += part.n;
    Tensor y(n, parts[0].h, parts[0].w, typename Tensor::Values(parts[0].channels(), n * parts[0].area()));
    T* to = y.own().data();
    for (const auto& part : parts) to = std::copy_n(part.pixel(0), part.values().size(), to);
    return y;
  }
  static long tile_numbers(const Tensor&) { return 1L << 20; }

  /// Where row + column + parity is even, `a`; elsewhere `b`.
  static Tensor checkered(Tensor a, const Tensor& b, long parity) {
    T* const to = a.own().data();
    const long channels = a.channels();
    by_stretches(long(a.values().cols()), channels, [&](long p) {
      if ((p / a.w % a.h + p % a.w + parity) % 2 != 0) std::copy_n(b.pixel(p), channels, to + p * channels);
    });
    return a;
  }
  /// Each sample's pixel on height x width.
  static Tensor spread(const Tensor& x, long height, long width) {
    Tensor y(x.n, height, width, typename Tensor::Values(x.channels(), x.n * height * width));
    T* const to = y.own().data();
    const long channels = x.channels(), area = height * width;
    by_stretches(x.n * area, channels,
                 [&](long p) { std::copy_n(x.pixel(p / area), channels, to + p * channels); });
    return y;
  }

  static Tensor max_pool(const Tensor& x) {
    const long h = (x.h + 1) / 2, w = (x.w + 1) / 2;
    Tensor y(x.n, h, w, filled(x.channels(), x.n * h * w, -std::numeric_limits<T>::infinity()));
    auto& to = y.own();
    for (long n = 0; n < x.n; ++n)
      for (long r = 0; r < x.h; ++r)
        for (long c = 0; c < x.w; ++c) {
          auto most = to.col((n * h + r / 2) * w + c / 2);
          most = most.max(x.values().col((n * x.h + r) * x.w + c));
        }
    return y;
  }
  static Tensor upsample(const Tensor& x, long height, long width) {
    Tensor y(x.n, height, width, typename Tensor::Values(x.channels(), x.n * height * width));
    T* to = y.own().data();
    for (long n = 0; n < x.n; ++n)
      for (long r = 0; r < height; ++r)
        for (long c = 0; c < width; ++c)
          to = std::copy_n(x.pixel((n * x.h + r / 2) * x.w + c / 2), x.channels(), to);
    return y;
  }

 private:
  static typename Tensor::Values filled(long channels, long pixels, T value) {
    typename Tensor::Values v(channels, pixels);
    std::fill_n(v.data(), v.size(), value);
    return v;
  }

  /// visit(column of the small image, corner dy*2 + dx, column of the large image) for every pixel of the
  /// large one.
  template <class Visit>
  static void for_each_quad(const Tensor& small, long work, const Visit& visit) {
    parallel_for(small.n * small.h, double(4 * small.n * small.area() * work), [&](long row) {
      for (long x = 0; x < small.w; ++x)
        for (int corner = 0; corner < 4; ++corner)
          visit(row * small.w + x, corner, (row * 2 + corner / 2) * 2 * small.w + 2 * x + corner % 2);
    });
  }

  /// visit(row of the part, column of x where it starts) for the rows of a window of every sample.
  template <class Visit>
  static void for_each_row(const Tensor& x, const Window& w, const Visit& visit) {
    parallel_for(x.n * w.height, double(x.n * w.height * w.width * x.channels()), [&](long row) {
      visit(row, (row / w.height * x.h + w.top + row % w.height) * x.w + w.left);
    });
  }
};

}  // namespace cnf::eigen
