// Workload W (workload.hpp) for benchmarks/against_pytorch: answers each line on stdin with one of JSON, "run" with
// the seconds of one run, "memory" with the growth over one run of the process's peak resident memory and of
// its peak live tensor memory, bytes.
#include "workload.hpp"

#include <CLI/CLI.hpp>
#include <chrono>
#include <cstdio>
#include <iostream>

#include "memory.hpp"
#include "support/computing.hpp"
#include "support/program.hpp"

namespace {

using Precision = cnf::libtorch::Backend::Precision;

struct Options {
  std::string which = "train", precision = "float32";
  long samples = 16, micro_batch = cnf::libtorch::MicroBatch::whole;
  int steps = 8, threads = 2;
  bool reversible = false;
};

template <class Flow>
void answer(const Options& o) {
  const bool train = o.which == "train";
  const auto networks = o.precision == "bfloat16" ? Precision(at::kBFloat16) : std::nullopt;
  workload::Trainable<Flow> w(o.samples, o.which == "many" ? 4 : o.samples, networks, o.reversible);
  if (train)
    for (auto& leaf : w.leaves()) leaf.mutable_grad() = at::zeros_like(leaf);
  cnf::libtorch::MicroBatch pieces(o.samples, o.micro_batch);
  const auto run = [&] {
    if (train)
      w.train(pieces.rows());
    else
      w.sample();
  };

  for (std::string line; std::getline(std::cin, line);) {
    if (line == "memory") {
      const auto growth = benchmarks::growth_of(run);
      std::printf("{\"bytes\": %ld, \"tensor_bytes\": %ld}\n", growth.resident, growth.tensors);
    } else {
      const auto start = std::chrono::steady_clock::now();
      run();
      const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
      if (train) pieces.took(seconds);
      std::printf("{\"seconds\": %.6f, \"rows\": %ld, \"settled\": %s}\n", seconds, pieces.rows(),
                  pieces.settled() ? "true" : "false");
    }
    std::fflush(stdout);
  }
}

void run(const Options& o) {
  at::set_num_threads(o.threads);
  if (o.steps == 64)
    answer<workload::Flow<64>>(o);
  else
    answer<workload::Flow<8>>(o);
}

}  // namespace

int main(int argc, char** argv) {
  benchmarks::count_tensors();
  return support::run_program("workload", argc, argv, [](CLI::App& app) {
    auto o = std::make_shared<Options>();
    app.require_subcommand(0);
    app.add_option("case", o->which)->check(CLI::IsMember({"train", "sample", "many"}))->required();
    app.add_option("--samples", o->samples)->check(support::positive())->capture_default_str();
    app.add_option("--steps", o->steps, "K")->check(CLI::IsMember({8, 64}))->capture_default_str();
    app.add_option("--precision", o->precision)
        ->check(CLI::IsMember({"float32", "bfloat16"}))
        ->capture_default_str();
    support::add_micro_batch(app, o->micro_batch);
    app.add_flag("--reversible", o->reversible);
    app.add_option("--threads", o->threads)->check(support::positive())->capture_default_str();
    app.callback([o] { run(*o); });
  });
}
