// One candidate with numbers in it, on Eigen: is it a bijection, and how long does it take?
//
//   g++ -std=c++20 -O3 -fopenmp -Iinclude -I/usr/include/eigen3 examples/architecture_lab/numbers.cpp && ./a.out
#include <chrono>
#include <cnf/eigen.hpp>
#include <cnf/testing/perturb.hpp>
#include <cstdio>

#include "flows.hpp"

namespace {

using namespace lab;
using B = eigen::Backend<double>;

B::Tensor noise(std::array<long, 4> sizes, int level) {
  return noise_batch<B>({.seed = 1}, Stream::user, level, Distribution::normal, 1, sizes, 0);
}

using Flow = TwoLevels;

}  // namespace

int main() {
  B::Module module;
  const Conditioned<Flow, B, Image, Given> part{Scope<B>(module, /*seed=*/1)};
  // A new flow is close to the identity: move every parameter, as training does.
  testing::perturb<B>(module, /*seed=*/2, /*deviation=*/0.01);
  testing::mark_initialised<B>(module);
  const Batch<B, Image> y(noise({4, 3, 32, 32}, 0));
  const auto h = part.prepare({.data = {noise({4, 64, 16, 16}, 1), noise({4, 64, 8, 8}, 2)}});

  const auto start = std::chrono::steady_clock::now();
  const auto out = part.flow.forward(y, h);
  const std::chrono::duration<double, std::milli> taken = std::chrono::steady_clock::now() - start;
  const auto back = part.flow.inverse(out.y, out.latents, h);
  std::printf(
      "%s\n\nlargest error of a round trip  %.1e\nlog|det|, nats                 %.3f\n"
      "forward of 4                   %.1f ms\n",
      describe<Flow>().c_str(), (back.data - y.data).values().abs().maxCoeff(), B::to_host(out.log_det)[0],
      taken.count());
}
