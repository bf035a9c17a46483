// Flows of three kinds on densities that are formulas (examples/density/densities.hpp): cross entropy beside the entropy, in
// nats, and the seconds of training to get there. Prints a table and writes it as JSON.
//
//   densities run [--seconds 60] [--only NAME] [--out densities.json]
#include <CLI/CLI.hpp>
#include <chrono>
#include <cnf/io/atomic_file.hpp>
#include <cnf/libtorch.hpp>
#include <cnf/training/schedule.hpp>
#include <cnf/training/step.hpp>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <optional>

#include "density/densities.hpp"
#include "support/program.hpp"

namespace {

using namespace cnf;
using Clock = std::chrono::steady_clock;

template <int D, class Coupling>
using FlowOf =
    UnconditionalFlow<Shape<D>, Sequential<Repeat<6, Sequential<ActNorm, InvConv1x1, Coupling>>, Prior>>;

/// Cross entropy - entropy after so long, and when it first was below `near`.
struct Result {
  density::Estimate excess;
  double seconds;
  std::optional<double> close_after;
  std::int64_t steps;
  long parameters;
};

constexpr double near = 0.05;  // nats

/// Trains for so long.
template <int D, class Coupling>
Result reach(const density::Density& of, double seconds) {
  using Spec = FlowOf<D, Coupling>;
  constexpr long batch = 512;
  constexpr int looks = 20;
  libtorch::Model<Spec> model({.seed = 1});
  training::Step step(
      model, {.adam = {.average = 0.995}, .batch = batch, .micro_batch = libtorch::MicroBatch::whole},
      [&](const training::Pairs& p, const NoiseOptions&) { return -model.log_prob(p.y).mean(); });
  const auto excess = [&](long points) {  // of the average of the weights
    const training::Adam::Averaged averaged(step.adam());
    const at::NoGradGuard no_grad;
    model.eval();
    const auto test = of.sample(points, 2);
    const auto difference =
        density::estimate(of.log_density(test) - model.log_prob(test.to(at::kFloat)).to(at::kDouble));
    model.train();
    return difference;
  };
  Result result{.excess = {}, .seconds = 0, .close_after = {}, .steps = 0, .parameters = Spec::parameters};
  for (int look = 0; look < looks;) {
    training::stop_if_interrupted();
    const auto start = Clock::now();
    step({{}, of.sample(batch, std::uint64_t(result.steps) + 1'000'000).to(at::kFloat)},
         3e-3 * training::schedule(result.seconds / seconds, result.steps, 100));
    ++result.steps;
    result.seconds += std::chrono::duration<double>(Clock::now() - start).count();
    if (result.seconds < (look + 1) * seconds / looks) continue;
    ++look;
    if (!result.close_after && excess(10'000).mean < near) result.close_after = result.seconds;
  }
  result.excess = excess(50'000);
  return result;
}

/// One row of the table for each kind of flow.
template <int D>
void compare(const density::Density& of, double seconds, nlohmann::json& results) {
  const auto truth = density::entropy(of);
  std::printf("%-14s %8.3f +- %.4f", of.name.c_str(), truth.mean, truth.error);
  const auto one = [&]<class Coupling>(const char* kind, std::type_identity<Coupling>) {
    const auto r = reach<D, Coupling>(of, seconds);
    std::printf("  %8.3f %5s s", truth.mean + r.excess.mean,
                r.close_after ? std::to_string(std::lround(*r.close_after)).c_str() : "-");
    std::fflush(stdout);
    results.push_back({{"density", of.name},
                       {"flow", kind},
                       {"entropy", truth.mean},
                       {"entropy_error", truth.error},
                       {"cross_entropy", truth.mean + r.excess.mean},
                       {"excess", r.excess.mean},
                       {"excess_error", r.excess.error},
                       {"seconds", r.seconds},
                       {"steps", r.steps},
                       {"parameters", r.parameters}});
    if (r.close_after) results.back()["close_after_seconds"] = *r.close_after;
  };
  one("affine", std::type_identity<AffineCoupling<ResidualMlp<64>>>{});
  one("spline", std::type_identity<SplineCoupling<ResidualMlp<64>>>{});
  one("mixture", std::type_identity<MixtureCoupling<ResidualMlp<64>, 8>>{});
  std::printf("\n");
}

void run(double seconds, const std::string& only, const std::string& out) {
  auto chosen = density::all();
  std::erase_if(chosen, [&](const auto& of) { return !only.empty() && of.name != only; });
  if (chosen.empty()) throw Error("--only: no density is called " + only);
  if (!out.empty()) io::expect_writable(out);
  nlohmann::json results = nlohmann::json::array();
  std::printf(
      "cross entropy, nats, after %.0f s of training each, and after how many it was within %.2f of the "
      "entropy\n"
      "%-14s %18s  %16s  %16s  %16s\n",
      seconds, near, "", "entropy", "affine", "spline", "mixture");
  for (const auto& of : chosen) {
    switch (of.dimensions) {
      case 2:
        compare<2>(of, seconds, results);
        break;
      case 6:
        compare<6>(of, seconds, results);
        break;
      case 21:
        compare<21>(of, seconds, results);
        break;
      default:
        compare<63>(of, seconds, results);
    }
  }
  if (!out.empty()) io::write_file(out, results.dump(2) + "\n");
}

}  // namespace

int main(int argc, char** argv) {
  return support::run_program("densities", argc, argv, [](CLI::App& app) {
    static double seconds = 60;
    static std::string only, out;
    auto* command = app.add_subcommand("run", "train and compare");
    command->add_option("--seconds", seconds, "training time of each flow")
        ->check(support::positive())
        ->capture_default_str();
    command->add_option("--only", only, "one density, by its name");
    command->add_option("--out", out, "JSON file");
    command->callback([] { run(seconds, only, out); });
  });
}
