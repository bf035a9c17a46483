#include "cnf/training/train.hpp"

#include "support/doctest.hpp"
#include "support/error_of.hpp"
#include "support/files.hpp"
#include "support/models.hpp"
#include "support/random_tensor.hpp"
#include "support/temporary_folder.hpp"

namespace {

using namespace cnf;
using training::Pairs;
using SmallModel = libtorch::Model<models::Vector<2, 3, 2, 8>>;

/// y depends on x; each step has its own.
Pairs batch(std::int64_t step) {
  const auto x = random_tensor({16, 3, 1, 1}, std::uint64_t(step) + 100);
  return {x, x.narrow(1, 0, 2) * 0.5 + random_tensor({16, 2, 1, 1}, std::uint64_t(step) + 900) * 0.1};
}

struct Trained {
  std::filesystem::path checkpoint;
  at::Tensor weights;
};

Trained train(const std::filesystem::path& folder, const training::TrainingOptions& options,
              bool resume = false, const std::function<Pairs(std::int64_t)>& batches = batch) {
  SmallModel model({.seed = 1, .placement = {.dtype = at::kDouble}});
  const auto checkpoint = training::prepare_folder(folder, resume);
  io::CheckpointExtras extras;
  if (resume) {
    io::load_checkpoint(checkpoint, model);
    extras = io::load_extras(checkpoint);
  }
  auto all = options;
  all.folder = folder;
  all.batch = 16;
  training::train(model, all, training::hooks(model, checkpoint, batches), extras);
  io::load_checkpoint(checkpoint, model);  // the average
  return {checkpoint, model.parameters()[0].detach().clone()};
}

}  // namespace

TEST_CASE("a training learns, and a resumed one ends where an uninterrupted one does") {
  const TemporaryFolder folder;
  // the schedule follows the number of steps in all, which both must know
  const auto whole = train(folder / "whole", {.steps = 60, .average = 0.9});
  const std::int64_t stop_after = 30;
  CHECK_THROWS_AS(train(folder / "parts", {.steps = 60, .average = 0.9}, false,
                        [&](std::int64_t step) {
                          if (step == stop_after - 1) std::raise(SIGINT);
                          return batch(step);
                        }),
                  training::Interrupted);
  CHECK_FALSE(training::interrupted());
  const auto parts = train(folder / "parts", {.steps = 60, .average = 0.9}, true);
  CHECK(difference(whole.weights, parts.weights) < 1e-12);

  std::vector<double> bpd;
  std::ifstream log(folder / "whole" / "log.jsonl");
  for (std::string line; std::getline(log, line);)
    bpd.push_back(nlohmann::json::parse(line).at("smooth_bpd"));
  REQUIRE(bpd.size() == 3);
  CHECK(bpd[2] < bpd[0]);
}

TEST_CASE("models without a condition, and with several, train the same way") {
  const TemporaryFolder folder;
  using Steps = Sequential<Repeat<2, Sequential<ActNorm, InvConv1x1, AffineCoupling<Mlp<8>>>>,
                           BasicPrior<Projection<1>>>;
  const auto learns = [&]<class Spec>(const char* name, std::type_identity<Spec>, const auto& batches) {
    libtorch::Model<Spec> model({.seed = 1, .placement = {.dtype = at::kDouble}});
    const auto run = training::prepare_folder(folder / name);
    const auto bits = [&] {
      const at::NoGradGuard no_grad;
      return training::given(model, batches(-1))
          .bits_per_dim(batches(-1).y)
          .values.mean()
          .template item<double>();
    };
    const double before = bits();
    training::train(
        model, {.folder = folder / name, .steps = 40, .batch = 16, .learning_rate = 1e-2, .micro_batch = 8},
        training::hooks(model, run.checkpoint, batches));
    CHECK(bits() < before - 0.2);
  };
  using Alone = UnconditionalFlow<Shape<2>, Steps>;
  learns("alone", std::type_identity<Alone>{}, [](std::int64_t step) {
    const auto y = batch(step).y.narrow(1, 0, 1);
    return Pairs{{}, at::cat({y, y + 0.1 * random_tensor({16, 1, 1, 1}, std::uint64_t(step) + 1700)}, 1)};
  });
  using Two = ConditionalFlow<Shape<2>, Pair<Shape<3>, Shape<1>>, Both<Passthrough, Embedding<2, 3>>, Steps>;
  const auto labelled = [](std::int64_t step) {
    auto pairs = batch(step);
    const auto label = models::uniform_integers({16, 1, 1, 1}, std::uint64_t(step) + 5000, 2);
    return Pairs{pairs.x, pairs.y + 4 * label, {label}};
  };
  learns("two", std::type_identity<Two>{}, labelled);

  libtorch::Model<Two> two({.seed = 1});
  CHECK(error_of([&] { training::given(two, batch(0)); }) == "expected batches of 2 inputs, got 1");
}

TEST_CASE("the checkpoint's model is the average of weights") {
  const TemporaryFolder folder;
  const auto average = train(folder / "average", {.steps = 70, .average = 0.99});
  const auto plain = train(folder / "plain", {.steps = 70, .average = 0});
  CHECK(difference(average.weights, plain.weights) > 1e-6);
  // training itself went the same way
  const auto extras = io::load_extras(average.checkpoint), of_plain = io::load_extras(plain.checkpoint);
  std::size_t compared = 0;
  for (const auto& [name, tensor] : extras.tensors)
    if (name.starts_with("adam:parameter:")) {
      CHECK(io::decode_tensor(tensor, name) == io::decode_tensor(of_plain.tensors.at(name), name));
      ++compared;
    }
  CHECK(compared == SmallModel({.seed = 1}).parameters().size());
}

TEST_CASE("what is not finite names the step and the place, and leaves the last checkpoint") {
  const TemporaryFolder folder;
  const auto poisoned = [](std::int64_t step) {
    auto pairs = batch(step);
    if (step == 7) pairs.y[3][1] = std::nan("");
    return pairs;
  };
  const auto error = error_of([&] { train(folder / "new", {.steps = 20}, false, poisoned); });
  CHECK(error.starts_with("step 7: the loss is not finite; it began in "));
  CHECK_FALSE(std::filesystem::exists(folder / "new" / "model.safetensors"));
}

TEST_CASE("the learning rate warms up, stays, and falls to a fiftieth") {
  using training::schedule;
  CHECK(schedule(0, 0, 50) == doctest::Approx(0.02));
  CHECK(schedule(0.01, 24, 50) == doctest::Approx(0.5));
  CHECK(schedule(0.4, 1000, 50) == doctest::Approx(1));
  CHECK(schedule(0.7, 1000, 50) == doctest::Approx(0.51));
  CHECK(schedule(1, 1000, 50) == doctest::Approx(0.02));
}

TEST_CASE("times are told in minutes, or hours") {
  CHECK(training::duration(65) == "1:05");
  CHECK(training::duration(3725) == "1:02:05");
}
