// Workload W (workload.hpp): train step, log_prob, one and sixteen samples an input; by precision, ordinary or
// reversible, whole or in pieces.
#include "measure.hpp"
#include "workload.hpp"

namespace {

using workload::Features;
using workload::Image;
using Flow = workload::Flow<8>;

constexpr double forward_cost = double(cnf::multiply_adds<Flow, Image, Features>);

void train(benchmark::State& state, long samples, long rows, workload::B::Precision networks,
           bool reversible) {
  workload::Bound<Flow> w(samples, samples, networks, reversible);
  for (auto& leaf : w.leaves()) leaf.mutable_grad() = at::zeros_like(leaf);
  benchmarks::measure(state, 3 * forward_cost * double(samples), [&] { w.train(rows); });
}

void log_prob(benchmark::State& state, long samples, workload::B::Precision networks) {
  const at::NoGradGuard no_grad;
  workload::Bound<Flow> w(samples, samples, networks);
  benchmarks::measure(state, forward_cost * double(samples), [&] { benchmark::DoNotOptimize(w.log_prob()); });
}

void sample(benchmark::State& state, long samples, long inputs, workload::B::Precision networks) {
  workload::Bound<Flow> w(samples, inputs, networks);
  benchmarks::measure(state, forward_cost * double(samples), [&] { benchmark::DoNotOptimize(w.sample()); });
}

template <class... Arguments>
void add(const std::string& name, void (*run)(benchmark::State&, Arguments...), Arguments... arguments) {
  benchmark::RegisterBenchmark(("W/" + name).c_str(), run, arguments...)
      ->Unit(benchmark::kMillisecond)
      ->UseRealTime();
}

const bool added = [] {
  for (const auto networks : {workload::B::Precision(), workload::B::Precision(at::kBFloat16)}) {
    const std::string precision = networks ? "/bfloat16" : "/float32";
    for (const long n : {16L, 64L}) {
      const auto size = std::to_string(n) + precision;
      add("train/" + size, train, n, n, networks, false);
      add("train_reversible/" + size, train, n, n, networks, true);
      add("log_prob/" + size, log_prob, n, networks);
      add("sample/" + size, sample, n, n, networks);
    }
    add("train_pieces_of_16/64" + precision, train, 64L, 16L, networks, false);
    add("sample_16_each/64" + precision, sample, 64L, 4L, networks);
  }
  return true;
}();

}  // namespace
