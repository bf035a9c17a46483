#include "cnf/backend/libtorch/torch_net.hpp"

#include <torch/torch.h>

#include "cnf/io/checkpoint.hpp"
#include "cnf/testing/check_layer.hpp"
#include "support/doctest.hpp"
#include "support/error_of.hpp"
#include "support/models.hpp"
#include "support/random_tensor.hpp"
#include "support/temporary_folder.hpp"

namespace {

using namespace cnf;

struct Mine {
  static std::string describe() { return "Mine"; }
  static constexpr int radius = 1;
  static constexpr long parameters(int in, int out) { return 9 * 6 * in + 6 + 6 * out + out; }
  static torch::nn::Sequential make(int in, int out) {
    return torch::nn::Sequential(torch::nn::Conv2d(torch::nn::Conv2dOptions(in, 6, 3).padding(1)),
                                 torch::nn::Tanh(), torch::nn::Conv2d(torch::nn::Conv2dOptions(6, out, 1)));
  }
};

/// What somebody exported from Python: its text, as TorchScript compiles it.
struct Trunk {
  static std::string describe() { return "Trunk"; }
  static torch::jit::Module make(int) {
    torch::jit::Module module("Trunk");
    module.register_parameter("weight", at::full({4, 3, 2, 2}, 0.1), false);
    module.register_buffer("bias", at::full({4}, 0.5));
    module.register_buffer("order", at::tensor({2, 0, 3, 1}, at::kLong));  // integers stay integers
    module.define(R"(
      def forward(self, x):
          y = torch.conv2d(x, self.weight, self.bias, [2, 2])
          return x, torch.relu(torch.index_select(y, 1, self.order))
    )");
    return module;
  }
};

struct TooMany {
  static std::string describe() { return "TooMany"; }
  static torch::nn::Sequential make(int in, int) {
    return torch::nn::Sequential(torch::nn::Conv2d(in, 9, 1));
  }
};

using Maps2 = Features<Shape<3, dynamic, dynamic>, Shape<4, dynamic / 2, dynamic / 2>>;
template <class Net>
using Spec = ConditionalFlow<models::Target, models::Target, libtorch::TorchExtractor<Trunk, Maps2>,
                             Sequential<Squeeze, ActNorm, AffineCoupling<Net>, BasicPrior<Net>>>;
using Mixed = libtorch::Model<Spec<libtorch::TorchNet<Mine>>>;

}  // namespace

TEST_CASE("a torch::nn::Module as a coupling's network keeps the layer contract") {
  const auto report = testing::check_layer<AffineCoupling<libtorch::TorchNet<Mine>>, Shape<4, 3, 3>,
                                           Features<Shape<2, 3, 3>>>({.expect_conditional = true});
  CHECK_MESSAGE(report.ok(), report.text());
}

TEST_CASE("parameters of a module and of a script are placed, saved, loaded and trained with the rest") {
  const TemporaryFolder folder;
  Mixed model({.seed = 1, .placement = {.dtype = at::kDouble}});
  cnf::testing::make_ready(model);
  const auto x = random_tensor({2, 3, 4, 6}, 1), y = random_tensor({2, 3, 4, 6}, 2);
  const auto log_prob = model.given(x).log_prob(y);
  const auto names = model.named_parameters();
  CHECK(names.contains("extractor.module.weight"));
  CHECK(names.contains("flow.2.net.module.0.weight"));
  log_prob.sum().backward();
  CHECK(names["flow.2.net.module.0.weight"].grad().abs().max().item<double>() > 0);
  CHECK((names["extractor.module.weight"].scalar_type() == at::kDouble));

  io::save_checkpoint(folder / "model.safetensors", model);
  Mixed other({.seed = 2, .placement = {.dtype = at::kDouble}});
  io::load_checkpoint(folder / "model.safetensors", other);
  other.eval();
  CHECK(difference(other.given(x).log_prob(y), log_prob) == 0);
  // the script computes with what was loaded
  {
    const at::NoGradGuard no_grad;
    other.named_parameters()["extractor.module.weight"].mul_(2);
  }
  CHECK(difference(other.given(x).log_prob(y), log_prob) > 1e-3);
  CHECK(difference(clone(model).given(x).log_prob(y), log_prob) == 0);
}

TEST_CASE("what a module returns must have the shape that its type declares") {
  libtorch::Model<Spec<libtorch::TorchNet<TooMany>>> model({.seed = 1});
  const auto x = random_tensor({2, 3, 4, 6}, 1);
  CHECK(error_of([&] { model.given(x).log_prob(x); }) ==
        "TorchNet<TooMany>: expected (2, 12, 2, 3) from its module, got (2, 9, 2, 3)");
}
