// Nothing in a model's use waits for the device, so users can capture it.
#include "cnf/backend/libtorch/replay.hpp"
#include "cnf/training/step.hpp"
#include "place.hpp"
#include "super_resolution/specs.hpp"
#include "support/models.hpp"
#include "support/random_tensor.hpp"
#include "vessel_segmentation/specs.hpp"

#ifdef CNF_CUDA
#include <c10/cuda/CUDAFunctions.h>
#endif

namespace {

using namespace cnf;

/// LibTorch throws where something waits for the device, while it lives.
class NoWaiting {
 public:
  NoWaiting() { set(true); }
  NoWaiting(const NoWaiting&) = delete;
  NoWaiting& operator=(const NoWaiting&) = delete;
  ~NoWaiting() { set(false); }

 private:
  static void set([[maybe_unused]] bool error) {
#ifdef CNF_CUDA
    c10::cuda::warning_state().set_sync_debug_mode(error ? c10::cuda::SyncDebugMode::L_ERROR
                                                         : c10::cuda::SyncDebugMode::L_DISABLED);
#endif
  }
};

/// Runs everything twice without waiting, then as a graph, whose numbers must be those of the plain run.
template <class Spec>
void check_never_waits(int channels, int factor, int levels) {
  CAPTURE(describe<Spec>());
  libtorch::Model<Spec> model({.seed = 1, .placement = {.device = at::kCUDA}});
  cnf::testing::make_ready(model, 0.02);
  const auto y = models::uniform_integers({2, channels, 16, 16}, 3, levels).to(at::kCUDA, at::kFloat);
  const auto x =
      random_tensor({2, Spec::input::channels, 16 / factor, 16 / factor}, 4, 0.3).to(at::kCUDA, at::kFloat);
  std::vector<at::Tensor> results;
  const auto all = [&] {
    const at::NoGradGuard no_grad;
    const auto p = model.given(x);
    results = {p.log_prob(y), p.bits_per_dim(y, {.draws = 2}).values, p.sample({.count = 2, .seed = 1})};
    const auto z = p.encode(y);
    results.push_back(p.decode(z));
  };
  libtorch::Replay replay(at::kCUDA);
  replay.run({}, true, all);
  {
    const NoWaiting no_waiting;
    for (int i = 0; i < 2; ++i) replay.run({}, true, all);
    // and with gradients
    model.train();
    model.given(x).log_prob(y).mean().backward();
    model.eval();
  }
  std::vector<at::Tensor> plain;
  for (const auto& t : results) plain.push_back(t.clone());
  replay.run({}, true, all);
  CHECK_MESSAGE(replay.replayed(), replay.why_not());
  for (std::size_t i = 0; i < plain.size(); ++i) CHECK(difference(results[i], plain[i]) < 1e-4);
}

}  // namespace

TEST_CASE(
    "given, log_prob, bits_per_dim, sample, encode, decode and gradients wait for nothing and can be "
    "captured") {
  const Place place;
  if (!place.is_gpu()) return;
  check_never_waits<models::Sr>(3, 2, 256);
  check_never_waits<models::Factorised>(3, 2, 256);
  check_never_waits<super_resolution::SmallFlow>(3, 2, 256);
  using namespace vessel_segmentation;
  check_never_waits<Cnf<PaperLevels, Vgg>>(1, 1, 2);
  check_never_waits<Cnf<AffineLevels, Unet>>(1, 1, 2);
  check_never_waits<vessel_segmentation::Bernoulli<Unet>>(1, 1, 2);
}

TEST_CASE("a train step waits for nothing") {
  const Place place;
  if (!place.is_gpu()) return;
  libtorch::Model<models::Sr> model({.seed = 1, .placement = {.device = at::kCUDA}});
  model.train();
  training::Step step(model, {.batch = 4, .graph = false},
                      [&model](const training::Pairs& p, const NoiseOptions& noise) {
                        return model.given(p.x).bits_per_dim(p.y, noise).values.mean();
                      });
  const auto y = models::uniform_integers({4, 3, 16, 16}, 1).to(at::kCUDA, at::kFloat);
  const training::Pairs pairs{at::avg_pool2d(y, 2) / 255 - 0.5, y};
  for (int i = 0; i < 2; ++i) step(pairs, 1e-3);  // ActNorm's first batch, and its flag
  const NoWaiting no_waiting;
  for (int i = 0; i < 3; ++i) step(pairs, 1e-3);
}

TEST_CASE("what can't be captured goes on op by op and says why, and the next capture works") {
  const Place place;
  if (!place.is_gpu()) return;
  const auto x = at::ones({5}, at::kCUDA);
  double sum = 0;
  libtorch::Replay waiting(at::kCUDA);
  for (int i = 0; i < 6; ++i) {
    waiting.run({}, true, [&] { sum += (x * 2).sum().item<double>(); });
    CHECK_FALSE(waiting.replayed());
  }
  CHECK(sum == 60);
  CHECK_FALSE(waiting.why_not().empty());

  auto y = at::zeros({5}, at::kCUDA);
  libtorch::Replay adding(at::kCUDA);
  for (int i = 0; i < 6; ++i) adding.run({}, true, [&] { y.add_(x); });
  CHECK_MESSAGE(adding.replayed(), adding.why_not());
  CHECK(difference(y, at::full({5}, 6, at::kCUDA)) == 0);
}
