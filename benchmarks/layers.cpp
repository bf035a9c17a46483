// Layers and networks alone, on both backends: 16 samples of 12 channels at 16x16, features of 128 channels.
#include <torch/nn/modules/activation.h>
#include <torch/nn/modules/container/sequential.h>
#include <torch/nn/modules/conv.h>

#include "cnf/backend/libtorch/torch_net.hpp"
#include "cnf/eigen.hpp"
#include "cnf/libtorch.hpp"
#include "cnf/testing/models.hpp"
#include "measure.hpp"

namespace {

using namespace cnf;
using Torch = libtorch::Backend;
using Eigen32 = eigen::Backend<float>;

constexpr long samples = 16;

template <class B>
typename B::Tensor random_tensor(long n, long c, long h, long w) {
  return noise_batch<B>({.seed = 1}, Stream::latents, 0, Distribution::normal, 1, {n, c, h, w},
                        typename B::Tensor());
}

template <class Spec, class B>
void layer(benchmark::State& state, bool inverse) {
  using In = Shape<12, 16, 16>;
  using F = Features<Shape<128, 16, 16>>;
  const typename B::NoGradients no_gradients;
  typename B::Module module;
  const Conditioned<Spec, B, In, F> part{Scope<B>(module, 1)};
  testing::mark_initialised<B>(module);
  if constexpr (std::is_same_v<B, Torch>) B::place(module, {});
  const Batch<B, In> x(random_tensor<B>(samples, 12, 16, 16));
  const auto h = part.prepare({.data = {random_tensor<B>(samples, 128, 16, 16)}});
  const auto out = part.flow.forward(x, h);
  benchmarks::measure(state, double(samples) * double(multiply_adds<Spec, In, F>), [&] {
    if (inverse)
      benchmark::DoNotOptimize(part.flow.inverse(out.y, out.latents, h));
    else
      benchmark::DoNotOptimize(part.flow.forward(x, h));
  });
}

template <class Net, class B, class In>
void extractor(benchmark::State& state, bool) {
  const typename B::NoGradients no_gradients;
  typename B::Module module;
  const typename Net::template Bound<B, In> net{Scope<B>(module, 1)};
  if constexpr (std::is_same_v<B, Torch>) B::place(module, {});
  input_tensors_t<B, In> tensors;
  for_each_input<In>(tensors, []<class S>(typename B::Tensor& t) {
    t = random_tensor<B>(2, S::channels, S::height, S::width);
    if (S::channels == 1) t = t * 0.0;  // a label
  });
  const auto x =
      input_from<B, In>(tensors, []<class S>(const typename B::Tensor& t) { return Batch<B, S>(t); });
  benchmarks::measure(state, 2.0 * double(Net::template On<In>::multiply_adds), [&] {
    benchmark::DoNotOptimize(cnf::detail::extracted<Net, B, In>(net, x, Extents{64, 64}, /*tile=*/0));
  });
}

void add(const std::string& name, void (*run)(benchmark::State&, bool), bool second_way) {
  benchmark::RegisterBenchmark(name.c_str(), run, second_way)->Unit(benchmark::kMillisecond)->UseRealTime();
}

template <class Spec, class B>
void add_layer(const std::string& backend) {
  add(Spec::describe() + "/forward/" + backend, layer<Spec, B>, false);
  add(Spec::describe() + "/inverse/" + backend, layer<Spec, B>, true);
}

template <class Net, class B, class In = Shape<3, 64, 64>>
void add_extractor(const std::string& backend) {
  add(Net::describe() + "/" + backend, extractor<Net, B, In>, false);
}

template <class B>
void add_all(const std::string& backend) {
  add_layer<ActNorm, B>(backend);
  add_layer<InvConv1x1, B>(backend);
  add_layer<InvConv1x1Plu, B>(backend);
  add_layer<Squeeze, B>(backend);
  add_layer<Reverse, B>(backend);
  add_layer<AffineCoupling<ConvNet<512>>, B>(backend);
  add_layer<AdditiveCoupling<InstanceNormNet<32>>, B>(backend);
  add_layer<AffineCoupling<ResidualNet<32>>, B>(backend);
  add_layer<AffineCoupling<ResidualMlp<64>>, B>(backend);
  add_layer<SplineCoupling<ConvNet<128>>, B>(backend);
  add_layer<MixtureCoupling<ConvNet<128>>, B>(backend);
  add_layer<CheckerboardCoupling<ConvNet<128>>, B>(backend);
  add_layer<Spline<>, B>(backend);
  add_layer<Mixture<>, B>(backend);
  add_layer<Sequential<Sigmoid, Logit<>>, B>(backend);
  add_layer<HaarSqueeze, B>(backend);
  add_layer<Swap, B>(backend);
  add_layer<Orthogonal1x1<>, B>(backend);
  add_layer<Split, B>(backend);
  add_layer<Prior, B>(backend);
  add_extractor<Rrdb<1, 32, 128, 2>, B>(backend);
  add_extractor<VggLike<>, B>(backend);
  add_extractor<UShaped<>, B>(backend);
  add_extractor<MlpExtractor<64, 64>, B>(backend);
  using Labels = Broadcast<Pyramid<64, 64, 2>, Embedding<10, 32>>;
  add_extractor<Embedding<10, 32>, B, Shape<1>>(backend);
  add_extractor<Labels, B, Shape<1>>(backend);
  add_extractor<Both<Rrdb<1, 32, 128, 2>, Labels>, B, Pair<Shape<3, 64, 64>, Shape<1>>>(backend);
}

/// A network, and an extractor, of somebody's own.
struct Mine {
  static std::string describe() { return "Mine"; }
  static torch::nn::Sequential make(int in, int out) {
    return torch::nn::Sequential(torch::nn::Conv2d(torch::nn::Conv2dOptions(in, 128, 3).padding(1)),
                                 torch::nn::ReLU(), torch::nn::Conv2d(torch::nn::Conv2dOptions(128, out, 1)));
  }
  static torch::nn::Sequential make(int in) { return make(in, 128); }
};

/// A whole model of vectors without a condition.
using MoonStep = Sequential<ActNorm, SplineCoupling<ResidualMlp<64>>, InvConv1x1>;
using MoonFlow = Sequential<Repeat<4, MoonStep>, Prior>;
using Moons = UnconditionalFlow<Shape<2>, MoonFlow>;

template <class B>
void unconditional(benchmark::State& state, bool samples_instead) {
  const typename B::NoGradients no_gradients;
  Model<Moons, B> model({.seed = 1});
  testing::make_ready(model);
  const auto y = random_tensor<B>(512, 2, 1, 1);
  benchmarks::measure(state, 512.0 * double(multiply_adds<MoonFlow, Shape<2>>), [&] {
    if (samples_instead)
      benchmark::DoNotOptimize(model.sample({.count = 512, .seed = 1}));
    else
      benchmark::DoNotOptimize(model.log_prob(y));
  });
}

template <class B>
void add_unconditional(const std::string& backend) {
  add("UnconditionalFlow/log_prob/" + backend, unconditional<B>, false);
  add("UnconditionalFlow/sample/" + backend, unconditional<B>, true);
}

const bool added = [] {
  add_all<Torch>("libtorch");
  add_all<Eigen32>("eigen");
  add_layer<AffineCoupling<libtorch::TorchNet<Mine>>, Torch>("libtorch");
  add_extractor<libtorch::TorchExtractor<Mine, Features<Shape<128, 64, 64>>>, Torch>("libtorch");
  add_unconditional<Torch>("libtorch");
  add_unconditional<Eigen32>("eigen");
  return true;
}();

}  // namespace
