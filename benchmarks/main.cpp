// The benchmarks of this folder; memory is counted, and kept as the programs keep it (support/program.hpp).
#include <benchmark/benchmark.h>

#include <thread>

#include <ATen/Parallel.h>

#include "memory.hpp"
#include "support/program.hpp"

int main(int argc, char** argv) {
  benchmarks::count_tensors();
  support::keep_memory();
  at::set_num_threads(int(std::max(1u, std::thread::hardware_concurrency())));
  benchmark::AddCustomContext("threads", std::to_string(at::get_num_threads()));
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 2;
  benchmark::RunSpecifiedBenchmarks();
}
