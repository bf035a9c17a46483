// Every instruction set's kernel against the sum that defines it: conv2d itself only runs the best one.
#include "cnf/backend/eigen/conv_kernel.hpp"

#include <vector>

#include "support/doctest.hpp"
#include "support/random_numbers.hpp"

namespace {

using namespace cnf::eigen::detail;

/// Runs a tile of `vectors` vectors of outputs, of which `outputs` exist at `pixels` pixels.
template <class T>
void check(const ConvKernel<T>& kernel, int vectors, long outputs, long pixels) {
  const long wide = vectors * kernel.lanes, taps = 3, channels = 5, y_stride = outputs + 2;
  const auto weight = random_numbers<T>(taps * channels * wide, 1), x = random_numbers<T>(channels * 40, 2),
             bias = random_numbers<T>(outputs + 1, 3);
  std::vector<const T*> seen(std::size_t(taps * kernel.pixels)),
      start(std::size_t(kernel.pixels), bias.data());
  for (std::size_t i = 0; i < seen.size(); ++i) seen[i] = x.data() + 7 * i % 40 * channels;
  std::vector<T> y(std::size_t(y_stride * kernel.pixels), T(99));
  (vectors == 1 ? kernel.one : kernel.two)({.weight = weight.data(),
                                            .x = seen.data(),
                                            .taps = taps,
                                            .channels = channels,
                                            .x_stride = kernel.pixels,
                                            .start = start.data(),
                                            .first = 1,
                                            .y = y.data(),
                                            .y_stride = y_stride,
                                            .outputs = outputs,
                                            .pixels = pixels});
  double worst = 0;
  for (long p = 0; p < kernel.pixels; ++p)
    for (long o = 0; o < y_stride; ++o) {
      double expected = 99;  // nothing else is touched
      if (p < pixels && o < outputs) {
        expected = double(bias[std::size_t(o + 1)]);
        for (long tap = 0; tap < taps; ++tap)
          for (long c = 0; c < channels; ++c)
            expected += double(weight[std::size_t((tap * channels + c) * wide + o)]) *
                        double(seen[std::size_t(tap * kernel.pixels + p)][c]);
      }
      worst = std::max(worst, std::abs(expected - double(y[std::size_t(p * y_stride + o)])));
    }
  CHECK(worst < (sizeof(T) == 8 ? 1e-12 : 1e-4));
}

template <class T, class Isa>
void check_all() {
  const auto kernel = ConvKernel<T>::template of<Isa>();
  for (const int vectors : {1, 2})
    for (const long missing : {0, 1, kernel.lanes - 1})
      for (const long pixels : {1, kernel.pixels - 1, kernel.pixels})
        check(kernel, vectors, vectors * kernel.lanes - missing, pixels);
}

TEST_CASE_TEMPLATE("the portable kernel is the sum, up to the last output and pixel", T, float, double) {
  check_all<T, Portable>();
}

#if defined(__x86_64__)
TEST_CASE_TEMPLATE("so are the others, where the processor has them", T, float, double) {
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) check_all<T, Avx2>();
  if (__builtin_cpu_supports("avx512f")) check_all<T, Avx512>();
}
#endif

}  // namespace
