// How a command computes: threads, device and precision of LibTorch, chosen by options that every command has,
// set once and told to the user.
#pragma once

#include <ATen/Context.h>
#include <ATen/Parallel.h>
#include <fmt/format.h>
#include <torch/cuda.h>

#include <CLI/CLI.hpp>
#include <map>
#include <string>
#include <thread>

#include "cnf/libtorch.hpp"
#include "program.hpp"

namespace support {

struct Computing {
  int threads = 0;  // 0: all cores
  std::string device = "cpu", precision = "float32";
  long tile = 0;
  double timeout = 60;  // of processes that work together, for one another
};

/// Of commands that take images of any size.
inline void add_tile(CLI::App& command, Computing& computing) {
  command
      .add_option("--tile", computing.tile,
                  "side of the tiles in which networks run over large images, pixels: changes memory and "
                  "time, not the "
                  "result; 0: chosen to fit")
      ->check(
          checked_number<long>("0 or at least 16 pixels", [](long side) { return side == 0 || side >= 16; }))
      ->capture_default_str();
}

/// `may_try`: the command can find the faster precision itself.
inline void add_computing(CLI::App& command, Computing& computing, bool may_try = false) {
  const int most = std::max(256, 2 * int(std::thread::hardware_concurrency()));
  command.add_option("--threads", computing.threads, "threads of LibTorch; default: all cores")
      ->check(checked_number<int>("1 .. " + std::to_string(most) + " threads",
                                  [most](int threads) { return threads >= 1 && threads <= most; }));
  command
      .add_option("--device", computing.device, "where to compute: cpu, cuda, or one of several GPUs: cuda:1")
      ->check(CLI::Validator(
          [](std::string& text) {
            const bool is_known = text == "cpu" || text == "cuda" ||
                                  (text.starts_with("cuda:") && text.size() > 5 && text.size() < 8 &&
                                   text.find_first_not_of("0123456789", 5) == std::string::npos);
            return is_known ? std::string() : "expected cpu, cuda or cuda:1, got " + text;
          },
          ""))
      ->capture_default_str();
  command
      .add_option("--precision", computing.precision,
                  std::string("of the networks: float32, or bfloat16 (half the memory, and faster where the "
                              "processor has it)") +
                      (may_try ? ", or auto, which tries both and keeps the faster" : ""))
      ->check(CLI::IsMember(may_try ? std::vector<std::string>{"float32", "bfloat16", "auto"}
                                    : std::vector<std::string>{"float32", "bfloat16"}))
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

/// Sets the number of threads, checks that LibTorch has the device, and prints what was chosen. `one_size`: whether all work
/// is of the same size, so that it pays to try cuDNN's algorithms first.
inline cnf::libtorch::Backend::Placement place(const Computing& computing, bool one_size = false) {
  // Debian's LibTorch may start with one
  const int threads =
      computing.threads > 0 ? computing.threads : int(std::max(1u, std::thread::hardware_concurrency()));
  at::set_num_threads(threads);
  const at::Device device(computing.device);
  const auto gpus = std::int64_t(torch::cuda::device_count());
  if (device.is_cuda() && gpus == 0)
    throw cnf::Error("expected a CUDA device for --device " + computing.device +
                     ", but this LibTorch has none");
  if (device.is_cuda() && device.index() >= gpus)
    throw cnf::Error("expected a CUDA device for --device " + computing.device + ", but there are only " +
                     std::to_string(gpus) + ", numbered from 0");
  if (device.is_cuda()) at::globalContext().setBenchmarkCuDNN(one_size);
  const bool half = computing.precision == "bfloat16";
  fmt::print("computing on {} with {} thread{}{}\n", computing.device, threads, threads == 1 ? "" : "s",
             half ? ", networks in bfloat16" : "");
  cnf::libtorch::Backend::Placement placement{.device = device};
  if (half) placement.networks = at::kBFloat16;
  return placement;
}

}  // namespace support
