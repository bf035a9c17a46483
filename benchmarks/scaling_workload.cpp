// One of the processes of benchmarks/scaling: times whole train steps (forward, backward, sums of gradients, Adam) of the
// paper's super-resolution model on noise. The first process prints the seconds of each as JSON.
//
//   scaling_workload step [--config paper] [--images 8] [--steps 6] [--threads 1] [--device cuda] [--precision bfloat16]
#include <ATen/ATen.h>
#include <fmt/format.h>

#include <chrono>
#include <memory>
#include <nlohmann/json.hpp>
#include <vector>

#include "cnf/training/step.hpp"
#include "super_resolution/model.hpp"
#include "support/program.hpp"
#include "support/together.hpp"

namespace {

struct Options {
  super_resolution::Choice choice{.config = "paper"};
  int images = 8, steps = 6;
  support::Computing computing{.threads = 1};
};

void run(const Options& o, support::Replicas& replicas) {
  const auto placement = support::place(o.computing, /*one_size=*/true);
  const auto model = super_resolution::make_model(o.choice, {.seed = 1, .placement = placement});
  model->module().train();
  cnf::training::Step step(
      model->module(), {.batch = long(o.images) * replicas.size(), .networks = placement.networks},
      [&](const cnf::training::Pairs& p, const cnf::NoiseOptions& noise) {
        return model->bits_per_dim(p.x, p.y, noise).mean();
      },
      replicas);
  const auto share = replicas.share_of(long(o.images) * replicas.size());
  const auto y = at::randint(256, {share.count, 3, 32, 32}, at::kFloat).to(placement.device);
  const cnf::training::Pairs pairs{.x = at::avg_pool2d(y, 2), .y = y, .first = share.first, .of = share.of};
  std::vector<double> seconds;
  constexpr int warm_up = 2;  // buckets are known after the first; the second has them
  for (int i = 0; i < warm_up + o.steps; ++i) {
    support::stop_if_interrupted();
    replicas.gather("ready");
    const auto start = std::chrono::steady_clock::now();
    step(pairs, 1e-5);
    step.report();  // waits for a device
    if (i >= warm_up)
      seconds.push_back(std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
  }
  std::int64_t bytes = 0;
  for (const auto& p : step.adam().parameters()) bytes += p.numel() * p.element_size();
  fmt::print("{}\n", nlohmann::ordered_json{{"processes", replicas.size()},
                                            {"images", o.images},
                                            {"seconds", seconds},
                                            {"gradient_bytes", bytes},
                                            {"buckets", step.buckets().count()},
                                            {"buckets_sent_early", step.buckets().overlapped()}}
                         .dump());
}

}  // namespace

int main(int argc, char** argv) {
  return support::run_program("scaling_workload", argc, argv, [](CLI::App& app) {
    auto* c = app.add_subcommand("step", "times train steps");
    auto o = std::make_shared<Options>();
    c->add_option("--config", o->choice.config, "small, base or paper")->capture_default_str();
    c->add_option("--images", o->images, "in a step, of each process")->check(support::positive());
    c->add_option("--steps", o->steps, "that are timed")->check(support::positive());
    support::add_computing(*c, o->computing);
    support::together(*c, o->computing, [o](support::Replicas& replicas, const auto&) { run(*o, replicas); });
  });
}
