// A network that somebody else wrote, in a flow: any torch::nn::Module couples, a TorchScript file extracts. Learns where a
// point lies on a noisy ring whose radius is given.
//
//   own_network [EXTRACTOR.pt]     a TorchScript file of a module from (N, 1, 1, 1) to (N, 8, 1, 1), as torch.jit.save makes it
#include <torch/torch.h>

#include <cnf/backend/libtorch/torch_net.hpp>
#include <cnf/training/train.hpp>
#include <cstdio>
#include <string>

using namespace cnf;

namespace {

std::string script;  // of the command line

/// Couples: sees what stays, and the features, and says scale and shift.
struct Mine {
  static std::string describe() { return "Mine"; }
  static torch::nn::Sequential make(int in, int out) {
    torch::nn::Conv2d last(32, out, 1);  // zero: a new flow starts as the identity
    torch::nn::init::zeros_(last->weight);
    torch::nn::init::zeros_(last->bias);
    return torch::nn::Sequential(torch::nn::Conv2d(in, 32, 1), torch::nn::SiLU(),
                                 torch::nn::Conv2d(32, 32, 1), torch::nn::SiLU(), last);
  }
};

/// Extracts: the file's, or one of the same kind, written in TorchScript here.
struct Theirs {
  static std::string describe() { return "Theirs"; }
  static torch::jit::Module make(int in) {
    if (!script.empty()) return torch::jit::load(script);
    torch::jit::Module module("Theirs");
    module.register_parameter("weight", torch::randn({8, in, 1, 1}), /*is_buffer=*/false);
    module.define("def forward(self, x):\n    return torch.tanh(torch.conv2d(x, self.weight))\n");
    return module;
  }
};

using Step = Sequential<ActNorm, InvConv1x1, AffineCoupling<libtorch::TorchNet<Mine>>>;
using Ring = ConditionalFlow<Shape<2>, Shape<1>, libtorch::TorchExtractor<Theirs, Features<Shape<8>>>,
                             Sequential<Repeat<6, Step>, BasicPrior<Projection<1>>>>;

training::Pairs batch(std::int64_t) {
  const auto x = 1 + torch::rand({256, 1, 1, 1}), angle = 6.2832 * torch::rand({256, 1, 1, 1});
  const auto radius = x + 0.1 * torch::randn({256, 1, 1, 1});
  return {x, torch::cat({radius * angle.cos(), radius * angle.sin()}, 1)};
}

}  // namespace

int main(int argc, char** argv) {
  if (argc > 1) script = argv[1];
  try {
    torch::manual_seed(1);
    libtorch::Model<Ring> model({.seed = 1});
    const auto run = training::prepare_folder("own_network");
    training::train(
        model, {.folder = "own_network", .steps = 800, .batch = 256, .learning_rate = 3e-3, .average = 0.99},
        training::hooks(model, run, batch));
    io::load_checkpoint(run, model);
    model.eval();
    for (const double x : {1.0, 2.0}) {
      const auto y = model.given(at::full({1, 1, 1, 1}, x)).sample({.count = 10'000, .seed = 1});
      std::printf("radius %.1f: samples have %.2f\n", x, y.norm(2, 1).mean().item<double>());
    }
  } catch (const Error& error) {
    std::fprintf(stderr, "own_network: %s\n", error.what());
    return 2;
  } catch (const c10::Error& error) {
    std::fprintf(stderr, "own_network: %s\n", error.what_without_backtrace());
    return 2;
  } catch (const training::Interrupted&) {
    return 130;
  }
}
