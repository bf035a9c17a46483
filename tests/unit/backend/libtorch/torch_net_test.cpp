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

namespace {

std::filesystem::path script;  // of the test that writes it

struct FromFile {
  static std::string describe() { return "FromFile"; }
  static torch::jit::Module make(int) { return torch::jit::load(script.string()); }
};
/// One map, by a module.
struct Eye {
  static std::string describe() { return "Eye"; }
  static torch::nn::Sequential make(int in) { return torch::nn::Sequential(torch::nn::Conv2d(in, 5, 2)); }
};
/// Couples by what somebody exported.
struct Script {
  static std::string describe() { return "Script"; }
  static torch::jit::Module make(int in, int out) {
    torch::jit::Module module("Script");
    module.register_parameter("weight", at::full({out, in, 1, 1}, 0.05).requires_grad_(), false);
    module.define("def forward(self, x):\n    return torch.tanh(torch.conv2d(x, self.weight))\n");
    return module;
  }
};

template <class Mine, class Maps, class Net = ConvNet<4>>
using Seen = ConditionalFlow<Shape<4, 2, 2>, Shape<3, 3, 3>, libtorch::TorchExtractor<Mine, Maps>,
                             Sequential<ActNorm, AffineCoupling<Net>, Prior>>;

}  // namespace

TEST_CASE("a TorchScript file extracts as the module that it was saved from") {
  const TemporaryFolder folder;
  script = folder / "trunk.pt";
  Trunk::make(3).save(script.string());
  using Net = libtorch::TorchNet<Mine>;
  using OfFile = ConditionalFlow<models::Target, models::Target, libtorch::TorchExtractor<FromFile, Maps2>,
                                 Sequential<Squeeze, ActNorm, AffineCoupling<Net>, BasicPrior<Net>>>;
  Mixed model({.seed = 1});
  libtorch::Model<OfFile> loaded({.seed = 1});
  cnf::testing::make_ready(model);
  cnf::testing::make_ready(loaded);
  copy_parameters(model, loaded);
  const auto x = random_tensor({2, 3, 4, 6}, 1).to(at::kFloat),
             y = random_tensor({2, 3, 4, 6}, 2).to(at::kFloat);
  CHECK(difference(model.given(x).log_prob(y), loaded.given(x).log_prob(y)) == 0);
}

TEST_CASE("a module extracts, a script couples, and both are trained") {
  libtorch::Model<Seen<Eye, Features<Shape<5, 2, 2>>, libtorch::TorchNet<Script>>> model({.seed = 1});
  cnf::testing::make_ready(model);
  const auto x = random_tensor({2, 3, 3, 3}, 1).to(at::kFloat),
             y = random_tensor({2, 4, 2, 2}, 2).to(at::kFloat);
  model.given(x).log_prob(y).sum().backward();
  for (const auto& p : model.named_parameters()) {
    CAPTURE(p.key());
    REQUIRE(p.value().grad().defined());
    CHECK(p.value().grad().abs().max().item<double>() > 0);
  }
}

TEST_CASE("what an extractor returns must have the shapes that its type declares") {
  const auto x = random_tensor({2, 3, 3, 3}, 1);
  libtorch::Model<Seen<Eye, Features<Shape<6, 2, 2>>>> other({.seed = 1});
  CHECK(error_of([&] { other.given(x); }) ==
        "TorchExtractor<Eye, 6x2x2>: expected (2, 6, 2, 2) from its module, got (2, 5, 2, 2)");
  libtorch::Model<Seen<Eye, Features<Shape<5, 2, 2>, Shape<3, 1, 1>>>> more({.seed = 1});
  CHECK(error_of([&] { more.given(x); }) ==
        "TorchExtractor<Eye, 5x2x2, 3x1x1>: expected 2 tensors from its module, got 1");
}

TEST_CASE("what a module returns must have the shape that its type declares") {
  libtorch::Model<Spec<libtorch::TorchNet<TooMany>>> model({.seed = 1});
  const auto x = random_tensor({2, 3, 4, 6}, 1);
  CHECK(error_of([&] { model.given(x).log_prob(x); }) ==
        "TorchNet<TooMany>: expected (2, 12, 2, 3) from its module, got (2, 9, 2, 3)");
}
