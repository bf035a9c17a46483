// What the Eigen backend does to the pixels of a tensor: squeeze, resize, pad, pool.
#pragma once

#include <algorithm>
#include <cstddef>
#include <limits>

#include "cnf/backend/cubic.hpp"
#include "cnf/backend/eigen/tensor.hpp"

namespace cnf::eigen {

template <class T>
struct Images {
  using Tensor = eigen::Tensor<T>;

  // Space and depth.
  static Tensor space_to_depth(const Tensor& x) {
    Tensor y(x.n, x.h / 2, x.w / 2, typename Tensor::Values(4 * x.channels(), x.values().cols() / 4));
    for_each_quad(y, [&, &to = y.own()](long column, int corner, long wide) {
      for (long c = 0; c < x.channels(); ++c) to(4 * c + corner, column) = x.values()(c, wide);
    });
    return y;
  }
  static Tensor depth_to_space(const Tensor& y) {
    Tensor x(y.n, 2 * y.h, 2 * y.w, typename Tensor::Values(y.channels() / 4, 4 * y.values().cols()));
    for_each_quad(y, [&, &to = x.own()](long column, int corner, long wide) {
      for (long c = 0; c < x.channels(); ++c) to(c, wide) = y.values()(4 * c + corner, column);
    });
    return x;
  }

  static Tensor enlarge(const Tensor& x) {
    Tensor y(x.n, 2 * x.h, 2 * x.w, filled(x.channels(), 4 * x.values().cols(), 0));
    for_each_quad(x, [&, &to = y.own()](long column, int corner, long wide) {
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
    Tensor y(x.n, height, width, filled(x.channels(), x.n * height * width, 0));
    copy_rows(x, y, x.h, x.w);
    return y;
  }
  static Tensor crop(const Tensor& x, long height, long width) {
    Tensor y(x.n, height, width, typename Tensor::Values(x.channels(), x.n * height * width));
    copy_rows(x, y, height, width);
    return y;
  }
  static Tensor repeat_samples(const Tensor& x, long count) {
    Tensor y(x.n * count, x.h, x.w, typename Tensor::Values(x.channels(), x.values().cols() * count));
    const long size = x.area() * x.channels();
    for (long i = 0; i < y.n; ++i)
      std::copy_n(x.pixel(i / count * x.area()), size, y.own().data() + i * size);
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
  static void for_each_quad(const Tensor& small, const Visit& visit) {
    long column = 0;
    for (long n = 0; n < small.n; ++n)
      for (long y = 0; y < small.h; ++y)
        for (long x = 0; x < small.w; ++x, ++column)
          for (int corner = 0; corner < 4; ++corner)
            visit(column, corner, ((n * small.h + y) * 2 + corner / 2) * 2 * small.w + 2 * x + corner % 2);
  }

  static void copy_rows(const Tensor& from, Tensor& to, long height, long width) {
    for (long n = 0; n < from.n; ++n)
      for (long y = 0; y < height; ++y)
        std::copy_n(from.pixel((n * from.h + y) * from.w), width * from.channels(),
                    to.own().data() + (n * to.h + y) * to.w * to.channels());
  }
};

}  // namespace cnf::eigen
