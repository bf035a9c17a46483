// Threads and device of LibTorch, set once by every program and told to the user.
#pragma once

#include <ATen/Context.h>
#include <ATen/Parallel.h>
#include <fmt/format.h>

#include <string>

#include "cnf/core/error.hpp"

namespace support {

/// Sets the number of threads, checks that LibTorch has the device, and prints both.
inline at::Device choose_device(const std::string& device, int threads) {
  at::set_num_threads(threads);
  if (device == "cuda" && !at::hasCUDA())
    throw cnf::Error("expected a CUDA device for --device cuda, but this LibTorch has none");
  fmt::print("computing on {} with {} thread{}\n", device, threads, threads == 1 ? "" : "s");
  return at::Device(device);
}

}  // namespace support
