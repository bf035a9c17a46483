// One process of benchmarks/cuda: workload W (workload.hpp) on a GPU, op by op or as one CUDA graph, and whole train
// steps, with the optimiser, of the programs' models.
//
//   cuda_workload [CASE --samples N --precision tf32|bfloat16 --graph|--no-graph]
//
//   train, log_prob, sample   of W; the parameters are converted once a pass where networks are in bfloat16
//   step-sr                   the paper's super-resolution model, on random images of 8 bits
//   step-vessels              the vessels' paper model, on random images; -affine: the larger one
//
// Answers each line on stdin with one of JSON, {"failed": "why"} where something did:
//
//   device             its name, and LibTorch's version
//   add CASE OPTIONS   prepares one more variant beside that of the command line: its number
//   run [NUMBER]       seconds of one run, the mean of `repeats` that end with a wait for the device
//   launches [NUMBER]  kernels and copies of one run on the device
//   clear              forgets all variants
#include <torch/csrc/autograd/profiler_kineto.h>
#include <torch/cuda.h>
#include <torch/version.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <cmath>
#include <functional>
#include <iostream>
#include <map>
#include <nlohmann/json.hpp>
#include <sstream>

#include "cnf/backend/libtorch/replay.hpp"
#include "cnf/training/step.hpp"
#include "super_resolution/model.hpp"
#include "support/program.hpp"
#include "vessel_segmentation/model.hpp"
#include "workload.hpp"

#ifdef CNF_CUDA
#include <ATen/cuda/CUDAContext.h>
#include <c10/cuda/CUDACachingAllocator.h>
#endif

namespace {

using Json = nlohmann::ordered_json;
using cnf::libtorch::Replay;
using cnf::training::Pairs;
using W = workload::Trainable<workload::Flow<8>>;

struct Options {
  std::string which, precision = "tf32";
  long samples = 64, size = 0;
  bool graph = true;
};

void add_options(CLI::App& app, Options& o) {
  app.add_option("case", o.which)
      ->check(
          CLI::IsMember({"train", "log_prob", "sample", "step-sr", "step-vessels", "step-vessels-affine"}));
  app.add_option("--samples", o.samples)->check(support::positive())->capture_default_str();
  app.add_option("--size", o.size, "side of a step's images; default: 32, vessels 584")
      ->check(support::positive());
  app.add_option("--precision", o.precision, "of networks; tf32: float32 whose convolutions round to TF32")
      ->check(CLI::IsMember({"tf32", "bfloat16"}))
      ->capture_default_str();
  app.add_flag("--graph,!--no-graph", o.graph, "one CUDA graph, or op by op");
}

Options parsed(const std::string& line) {
  CLI::App app;
  Options o;
  add_options(app, o);
  app.parse(line);
  return o;
}

cnf::libtorch::Backend::Placement placement_of(const Options& o) {
  cnf::libtorch::Backend::Placement placement{.device = at::Device(at::kCUDA, 0)};
  if (o.precision == "bfloat16") placement.networks = at::kBFloat16;
  return placement;
}

/// What is timed.
struct Variant {
  std::function<void()> run;              // waits for nothing
  std::function<const Replay&()> replay;  // whether run() was a graph
  std::function<void()> check;            // throws where a run went wrong; waits
  int repeats = 1;
};

Variant of_w(const Options& o, const std::shared_ptr<W>& w) {
  const auto replay = std::make_shared<Replay>(placement_of(o).device, o.graph);
  const auto inference = [w](const auto& pass) {
    const at::NoGradGuard no_grad;
    w->converted_once(pass);
  };
  const std::function<void()> work = o.which == "train" ? [w] { w->train_anew(); }
                                     : o.which == "sample"
                                         ? std::function<void()>([=] { inference([&] { w->sample(); }); })
                                         : [=] { inference([&] { w->log_prob(); }); };
  return {.run = [=, n = o.samples] { replay->run({n}, /*may_capture=*/true, work); },
          .replay = [=]() -> const Replay& { return *replay; },
          .check = [] {}};
}

/// A model that takes the same step again and again.
struct Training {
  std::shared_ptr<support::AnyModel> model;
  Pairs batch;
  cnf::training::Step step;

  Training(std::shared_ptr<support::AnyModel> m, Pairs pairs, const Options& o,
           cnf::training::Step::Loss loss)
      : model(std::move(m)),
        batch(std::move(pairs)),
        step(model->module(), {.batch = o.samples, .graph = o.graph, .networks = placement_of(o).networks},
             std::move(loss)) {
    model->module().train();
  }

  void check() {
    if (const auto report = step.report(); report.bad > 0)
      throw cnf::Error(std::string("expected finite numbers, got a ") +
                       (report.in_gradient ? "gradient" : "loss") + " that is not");
  }
};

Variant of_training(const std::shared_ptr<Training>& training) {
  return {.run = [=] { training->step(training->batch, 1e-5); },
          .replay = [=]() -> const Replay& { return training->step.replay(); },
          .check = [=] { training->check(); }};
}

Variant of_super_resolution(const Options& o) {
  const auto placement = placement_of(o);
  const long size = o.size > 0 ? o.size : 32;
  const std::shared_ptr<super_resolution::AnyModel> model =
      super_resolution::make_model({.config = "paper"}, {.seed = 1, .placement = placement});
  const auto bytes = at::TensorOptions(at::kByte).device(placement.device);
  const Pairs pairs{at::randint(0, 256, {o.samples, 3, size / 2, size / 2}, bytes),
                    at::randint(0, 256, {o.samples, 3, size, size}, bytes)};
  return of_training(
      std::make_shared<Training>(model, pairs, o, [m = model.get()](const Pairs& p, const auto& noise) {
        return m->bits_per_dim(p.x, p.y, noise).mean();
      }));
}

Variant of_vessels(const Options& o) {
  const auto placement = placement_of(o);
  const long size = o.size > 0 ? o.size : 584;
  const bool affine = o.which == "step-vessels-affine";
  const std::shared_ptr<vessel_segmentation::AnyModel> model = vessel_segmentation::make_model(
      {.config = affine ? "affine" : "paper", .model = "cnf", .extractor = affine ? "unet" : "vgg"},
      {.seed = 1, .placement = placement});
  const auto options = at::TensorOptions(at::kFloat).device(placement.device);
  const Pairs pairs{at::randn({o.samples, 4, size, size}, options),
                    (at::rand({o.samples, 1, size, size}, options) < 0.1).to(at::kByte)};
  return of_training(std::make_shared<Training>(
      model, pairs, o,
      [m = model.get()](const Pairs& p, const auto& noise) { return m->loss(p.x, p.y, noise); }));
}

double seconds_of(const Variant& v) {
  torch::cuda::synchronize();
  const auto start = std::chrono::steady_clock::now();
  for (int i = 0; i < v.repeats; ++i) v.run();
  torch::cuda::synchronize();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count() / v.repeats;
}

/// Kernels, and copies and fills without one; the operations dispatched where the profiler sees no device.
Json launches_of(const Variant& v) {
  namespace profiler = torch::autograd::profiler;
  const profiler::ProfilerConfig config(profiler::ProfilerState::KINETO);
  const std::set<profiler::ActivityType> activities{profiler::ActivityType::CPU,
                                                    profiler::ActivityType::CUDA};
  torch::cuda::synchronize();
  profiler::prepareProfiler(config, activities);
  profiler::enableProfiler(config, activities);
  v.run();
  torch::cuda::synchronize();
  const auto result = profiler::disableProfiler();
  long kernels = 0, copies = 0, operations = 0;
  for (const auto& event : result->events()) {
    const std::string name = event.name();
    if (event.deviceType() == c10::DeviceType::CUDA)
      ++(name.starts_with("Memcpy") || name.starts_with("Memset") ? copies : kernels);
    else if (name.starts_with("aten::"))
      ++operations;
  }
  if (kernels == 0) return {{"operations", operations}};
  return {{"kernels", kernels}, {"copies", copies}};
}

std::string device_name() {
#ifdef CNF_CUDA
  return at::cuda::getDeviceProperties(0)->name;
#else
  return "none";
#endif
}

class Server {
 public:
  /// `line` is a command and what belongs to it.
  Json answer(const std::string& line) {
    std::istringstream words(line);
    std::string command;
    words >> command;
    if (command == "device") return {{"device", device_name()}, {"libtorch", TORCH_VERSION}};
    if (command == "clear") return clear();
    if (command == "add") return add(parsed(line.substr(line.find("add") + 3)));
    std::size_t number = 0;
    words >> number;
    if (number >= variants_.size())
      throw cnf::Error("expected one of " + std::to_string(variants_.size()) + " variants, got number " +
                       std::to_string(number));
    auto& variant = variants_[number];
    if (command == "launches") return launches_of(variant);
    if (command != "run") throw cnf::Error("expected device, add, run, launches or clear, got " + command);
    const double seconds = seconds_of(variant);
    variant.check();
    return {{"seconds", seconds}, {"repeats", variant.repeats}};
  }

  Json add(const Options& o) {
    auto variant = prepared(o);
    // libraries choose, memory is there, and a graph is captured
    for (int i = 0; i < 6; ++i) variant.run();
    torch::cuda::synchronize();
    variant.check();
    if (o.graph && !variant.replay().replayed())
      throw cnf::Error("not captured: " + (variant.replay().why_not().empty() ? std::string("it never tried")
                                                                              : variant.replay().why_not()));
    variant.repeats = std::clamp(int(std::ceil(0.05 / seconds_of(variant))), 1, 20);
    variants_.push_back(std::move(variant));
    return {{"number", variants_.size() - 1}};
  }

 private:
  Variant prepared(const Options& o) {
    at::manual_seed(1);
    if (o.which.empty()) throw cnf::Error("expected a case, got none");
    if (o.which == "step-sr") return of_super_resolution(o);
    if (o.which.starts_with("step-vessels")) return of_vessels(o);
    auto& w = workloads_[{o.samples, o.precision}];
    if (!w) {
      const auto placement = placement_of(o);
      w = std::make_shared<W>(o.samples, o.samples, placement.networks, false, placement);
    }
    return of_w(o, w);
  }

  Json clear() {
    variants_.clear();
    workloads_.clear();
#ifdef CNF_CUDA
    c10::cuda::CUDACachingAllocator::emptyCache();
#endif
    return Json::object();
  }

  std::vector<Variant> variants_;
  std::map<std::pair<long, std::string>, std::shared_ptr<W>> workloads_;  // the variants share them
};

void serve(const Options& first) {
#ifdef CNF_CUDA
  const bool is_there = torch::cuda::is_available();
#else
  const bool is_there = false;
#endif
  if (!is_there) throw cnf::Error("expected a LibTorch with CUDA and a device, found none");
  at::globalContext().setAllowTF32CuDNN(true);
  at::globalContext().setBenchmarkCuDNN(true);  // as peers/plain.py does

  Server server;
  if (!first.which.empty()) server.add(first);
  for (std::string line; std::getline(std::cin, line);) {
    Json reply;
    try {
      reply = server.answer(line);
    } catch (const std::exception& error) {
      const std::string text = error.what();
      reply = {{"failed", text.substr(0, text.find('\n'))}};
    }
    std::cout << reply.dump(-1, ' ', false, Json::error_handler_t::replace) << std::endl;
  }
}

}  // namespace

int main(int argc, char** argv) {
  return support::run_program("cuda_workload", argc, argv, [](CLI::App& app) {
    app.require_subcommand(0);
    auto o = std::make_shared<Options>();
    add_options(app, *o);
    app.callback([o] { serve(*o); });
  });
}
