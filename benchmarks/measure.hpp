// What every benchmark reports beside its time: GFLOP/s, and per cent of what a convolution reaches on this
// machine; peak memory, bytes.
#pragma once

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <ATen/core/grad_mode.h>
#include <benchmark/benchmark.h>

#include <algorithm>
#include <chrono>

#include "memory.hpp"

namespace benchmarks {

inline double seconds_since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

/// Floating-point operations a second of LibTorch's 3x3 convolution of 512 channels in float: the best of ten.
inline double convolution_peak() {
  static const double peak = [] {
    at::NoGradGuard no_grad;
    const auto layout = at::MemoryFormat::ChannelsLast;
    const auto x = at::randn({16, 512, 16, 16}).contiguous(layout),
               w = at::randn({512, 512, 3, 3}).contiguous(layout);
    double best = 1e300;
    for (int i = 0; i < 10; ++i) {
      const auto start = std::chrono::steady_clock::now();
      at::conv2d(x, w, {}, 1, 1);
      best = std::min(best, seconds_since(start));
    }
    return 2.0 * 16 * 256 * 512 * 512 * 9 / best;
  }();
  return peak;
}

/// Times `run`, which takes so many multiply-adds.
template <class Run>
void measure(benchmark::State& state, double multiply_adds, const Run& run) {
  const double peak = convolution_peak();
  run();
  const auto growth = growth_of(run);
  for (auto _ : state) run();
  const double operations = 2 * multiply_adds * double(state.iterations());
  state.counters["GFLOP/s"] = benchmark::Counter(operations * 1e-9, benchmark::Counter::kIsRate);
  state.counters["%peak"] = benchmark::Counter(operations / peak * 100, benchmark::Counter::kIsRate);
  state.counters["tensor_bytes"] = double(growth.tensors);
  state.counters["process_bytes"] = double(growth.resident);
}

}  // namespace benchmarks
