// How a command computes: threads, device and precision of LibTorch, chosen by options that every command has,
// set once and told to the user.
#pragma once

#include <ATen/Context.h>
#include <ATen/Parallel.h>
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <map>
#include <string>
#include <thread>

#include "cnf/libtorch.hpp"
#include "program.hpp"

namespace support {

struct Computing {
  int threads =
      int(std::max(1u, std::thread::hardware_concurrency()));  // Debian's LibTorch may start with one
  std::string device = "cpu", precision = "float32";
};

inline void add_computing(CLI::App& command, Computing& computing) {
  command.add_option("--threads", computing.threads, "threads of LibTorch; default: all cores")
      ->check(positive());
  command.add_option("--device", computing.device, "where to compute: cpu or cuda")
      ->check(CLI::IsMember({"cpu", "cuda"}))
      ->capture_default_str();
  command
      .add_option(
          "--precision", computing.precision,
          "of the networks: float32, or bfloat16 (half the memory, and faster where the processor has it)")
      ->check(CLI::IsMember({"float32", "bfloat16"}))
      ->capture_default_str();
}

/// --micro-batch, as libtorch::MicroBatch takes it.
inline void add_micro_batch(CLI::App& command, long& rows) {
  using cnf::libtorch::MicroBatch;
  command
      .add_option("--micro-batch", rows,
                  "images computed at a time, with the gradient of the whole step: a number, all, or auto, "
                  "which tries and keeps the fastest; less memory")
      ->transform(CLI::Transformer(
          std::map<std::string, long>{{"all", MicroBatch::whole}, {"auto", MicroBatch::fastest}}))
      ->check(CLI::Range(-1L, 1L << 20))
      ->default_str("all");
}

/// Sets the number of threads, checks that LibTorch has the device, and prints what was chosen.
inline cnf::libtorch::Backend::Placement place(const Computing& computing) {
  at::set_num_threads(computing.threads);
  if (computing.device == "cuda" && !at::hasCUDA())
    throw cnf::Error("expected a CUDA device for --device cuda, but this LibTorch has none");
  const bool half = computing.precision == "bfloat16";
  fmt::print("computing on {} with {} thread{}{}\n", computing.device, computing.threads,
             computing.threads == 1 ? "" : "s", half ? ", networks in bfloat16" : "");
  cnf::libtorch::Backend::Placement placement{.device = at::Device(computing.device)};
  if (half) placement.networks = at::kBFloat16;
  return placement;
}

}  // namespace support
