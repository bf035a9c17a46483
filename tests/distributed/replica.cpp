// One of the processes that tests of distributed/ start: trains a small model on numbers that are made up, and writes the loss
// of every step.
//
//   replica FOLDER [option...]     steps=20 batch=8 micro=0 average=0.9 checkpoint=5
//                                  double float bfloat16 reversible resume graph-off
//                                  nan-at=STEP (the loss of sample 5) throw-at=STEP,RANK sleep-at=STEP,RANK
//                                  seed-of=RANK (another) timeout=60 slow=MILLISECONDS (each step)
#include <csignal>
#include <cstdio>
#include <fstream>
#include <map>
#include <string>
#include <thread>

#include "cnf/backend/libtorch/distributed/connected.hpp"
#include "cnf/training/train.hpp"
#include "support/models.hpp"

namespace {

using namespace cnf;
using Spec = ConditionalFlow<
    Shape<3, dynamic, dynamic>, Shape<3, dynamic / 2, dynamic / 2>, Rrdb<1, 4, 8, 2>,
    Sequential<Squeeze, Repeat<3, Sequential<ActNorm, InvConv1x1, AffineCoupling<ConvNet<8>>>>, Prior>,
    Uniform<8>>;

struct Arguments {
  std::filesystem::path folder;
  std::map<std::string, std::string> all;

  bool has(const std::string& name) const { return all.contains(name); }
  double number(const std::string& name, double otherwise) const {
    return has(name) ? std::stod(all.at(name)) : otherwise;
  }
  /// NAME=STEP,RANK
  bool is_at(const std::string& name, std::int64_t step, int rank) const {
    return has(name) && all.at(name) == std::to_string(step) + "," + std::to_string(rank);
  }
};

/// Each sample is a function of its place in the global batch.
training::Pairs samples(const Arguments& a, at::ScalarType type, std::int64_t step,
                        const distributed::Share& share, int rank) {
  if (a.is_at("throw-at", step, rank)) throw Error("expected a readable sample, got a broken one");
  if (a.is_at("sleep-at", step, rank)) std::this_thread::sleep_for(std::chrono::seconds(600));
  std::this_thread::sleep_for(std::chrono::milliseconds(long(a.number("slow", 0))));
  std::vector<at::Tensor> y;
  for (long i = share.first; i < share.first + share.count; ++i)
    y.push_back(models::uniform_integers({1, 3, 8, 8}, std::uint64_t(step * share.of + i)) / (i + 1));
  auto all = at::cat(y).floor().to(type);
  auto x = at::avg_pool2d(all, 2) / 255 - 0.5;
  return {x, all};
}

void run(const Arguments& a, distributed::Replicas& replicas) {
  const auto type = a.has("float") || a.has("bfloat16") ? at::kFloat : at::kDouble;
  const bool is_odd = a.number("seed-of", -1) == replicas.rank();
  libtorch::Model<Spec> model(
      {.seed = is_odd ? 99U : 1U, .reversible = a.has("reversible"), .placement = {.dtype = type}});
  training::TrainingOptions options{.folder = a.folder,
                                    .steps = std::int64_t(a.number("steps", 20)),
                                    .batch = int(a.number("batch", 8)),
                                    .average = a.number("average", 0.9),
                                    .checkpoint_minutes = a.number("checkpoint", 5),
                                    .micro_batch = long(a.number("micro", 0)),
                                    .report_every = 1};
  options.warm_up = 5;
  if (a.has("bfloat16")) options.networks = at::kBFloat16;
  const auto folder = training::prepare_folder(a.folder, a.has("resume"), replicas.is_first());
  io::CheckpointExtras resumed;
  if (a.has("resume") && replicas.is_first()) {
    io::load_checkpoint(folder.checkpoint, model);
    resumed = io::load_extras(folder.checkpoint);
  }
  bool is_poisoned = false;
  auto hooks = training::hooks(model, folder, [&](std::int64_t step, const distributed::Share& share) {
    is_poisoned = double(step) == a.number("nan-at", -1) && share.first <= 5 && 5 < share.first + share.count;
    return samples(a, type, step, share, replicas.rank());
  });
  hooks.loss = [&, loss = hooks.loss](const training::Pairs& p, const NoiseOptions& noise) {
    const auto value = loss(p, noise);
    return is_poisoned ? value * std::nan("") : value;
  };
  hooks.diagnose = [&](const training::Pairs&, std::uint64_t) -> std::string {
    return is_poisoned ? "sample 5" : "";
  };
  training::train(model, options, hooks, resumed, replicas);
}

}  // namespace

int main(int argc, char** argv) {
  Arguments a{.folder = argv[1], .all = {}};
  for (int i = 2; i < argc; ++i) {
    const std::string text = argv[i];
    const auto equals = text.find('=');
    a.all[text.substr(0, equals)] = equals == std::string::npos ? "" : text.substr(equals + 1);
  }
  at::set_num_threads(1);
  std::signal(SIGXFSZ, SIG_IGN);  // a file that grows beyond a limit is a full disk
  try {
    distributed::together(distributed::world_from_environment(), {.timeout = a.number("timeout", 60)},
                          [&](distributed::Replicas& replicas) { run(a, replicas); });
  } catch (const Stopped&) {
    return 2;
  } catch (const Error& error) {
    std::fprintf(stderr, "replica: %s\n", error.what());
    return 2;
  } catch (const training::Interrupted&) {
    return 130;
  }
}
