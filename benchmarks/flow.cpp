// Workload W (workload.hpp): train step, log_prob, one and sixteen samples an input; by precision, ordinary or
// reversible, whole or in pieces; inference on Eigen too.
#include "cnf/eigen.hpp"
#include "measure.hpp"
#include "workload.hpp"

namespace {

using workload::Features;
using workload::Image;
using Flow = workload::Flow<8>;

constexpr double forward_cost = double(cnf::multiply_adds<Flow, Image, Features>);

using Precision = cnf::libtorch::Backend::Precision;
using Torch = cnf::libtorch::Backend;
using Eigen32 = cnf::eigen::Backend<float>;

void train(benchmark::State& state, long samples, long rows, Precision networks, bool reversible) {
  workload::Trainable<Flow> w(samples, samples, networks, reversible);
  for (auto& leaf : w.leaves()) leaf.mutable_grad() = at::zeros_like(leaf);
  benchmarks::measure(state, 3 * forward_cost * double(samples), [&] { w.train(rows); });
}

template <class B>
void log_prob(benchmark::State& state, long samples, typename B::Precision networks) {
  const typename B::NoGradients no_gradients;
  workload::Bound<Flow, B> w(samples, samples, networks);
  benchmarks::measure(state, forward_cost * double(samples), [&] { benchmark::DoNotOptimize(w.log_prob()); });
}

template <class B>
void sample(benchmark::State& state, long samples, long inputs, typename B::Precision networks) {
  workload::Bound<Flow, B> w(samples, inputs, networks);
  benchmarks::measure(state, forward_cost * double(samples), [&] { benchmark::DoNotOptimize(w.sample()); });
}

template <class... Arguments>
void add(const std::string& name, void (*run)(benchmark::State&, Arguments...), Arguments... arguments) {
  benchmark::RegisterBenchmark(("W/" + name).c_str(), run, arguments...)
      ->Unit(benchmark::kMillisecond)
      ->UseRealTime();
}

/// Inference: alone, 16 and 64 samples, and 16 of each of 4 inputs.
template <class B>
void add_inference(const std::string& suffix, typename B::Precision networks) {
  for (const long n : {1L, 16L, 64L}) {
    add("log_prob/" + std::to_string(n) + suffix, log_prob<B>, n, networks);
    add("sample/" + std::to_string(n) + suffix, sample<B>, n, n, networks);
  }
  add("sample_16_each/64" + suffix, sample<B>, 64L, 4L, networks);
}

const bool added = [] {
  for (const auto networks : {Precision(), Precision(at::kBFloat16)}) {
    const std::string suffix = networks ? "/libtorch/bfloat16" : "/libtorch/float32";
    for (const long n : {16L, 64L}) {
      add("train/" + std::to_string(n) + suffix, train, n, n, networks, false);
      add("train_reversible/" + std::to_string(n) + suffix, train, n, n, networks, true);
    }
    add("train_pieces_of_16/64" + suffix, train, 64L, 16L, networks, false);
    add_inference<Torch>(suffix, networks);
  }
  add_inference<Eigen32>("/eigen/float32", {});
  return true;
}();

}  // namespace
