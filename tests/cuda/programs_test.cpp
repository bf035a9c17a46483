// The programs on a GPU: train, go on, evaluate, sample.
#include "place.hpp"
#include "programs/super_resolution.hpp"
#include "programs/vessel_segmentation.hpp"

namespace {

void check_runs(const Arguments& command) {
  const auto done = run(command);
  CAPTURE(command[1]);
  CHECK_MESSAGE(done.status == 0, done.err);
}

Arguments on_gpu(Arguments arguments) {
  arguments.push_back("--device");
  arguments.push_back("cuda");
  return arguments;
}

}  // namespace

TEST_CASE("super_resolution") {
  const Place place;
  if (!place.is_gpu()) return;
  const TemporaryFolder folder;
  const auto data = folder / "photographs";
  std::filesystem::create_directories(data);
  for (int i = 0; i < 4; ++i)
    support::write_image(data / (std::to_string(i) + ".png"), photograph(40, 48, i));
  const auto checkpoint = folder / "out" / "model.safetensors";
  for (const auto& more : {Arguments{"--steps", "20"}, Arguments{"--steps", "30", "--resume"},
                           Arguments{"--steps", "40", "--resume", "--precision", "bfloat16"},
                           Arguments{"--steps", "50", "--resume", "--no-graph"}})
    check_runs(on_gpu(training(data, folder / "out", more)));
  check_runs(on_gpu(
      super_resolution_command({"evaluate", "--checkpoint", checkpoint, "--data", data, "--crops", "4"})));
  check_runs(on_gpu(sampling(checkpoint, data / "0.png", folder / "large.png")));
  const auto large = support::read_image(folder / "large.png");
  CHECK(large.height == 80);
  CHECK(large.width == 96);
}

TEST_CASE("vessel_segmentation") {
  const Place place;
  if (!place.is_gpu()) return;
  const TemporaryFolder folder;
  vessel_segmentation::write_data_set(folder / "data", 4, {.height = 48, .width = 44, .seed = 3});
  for (const char* model : {"cnf", "bernoulli"}) {
    const auto out = folder / model;
    check_runs(on_gpu(vessel_training(folder / "data", out, {"--model", model, "--epochs", "5"})));
    check_runs(
        on_gpu(vessel_training(folder / "data", out, {"--model", model, "--epochs", "8", "--resume"})));
    check_runs(on_gpu(vessel_evaluation(out / "model.safetensors", folder / "data")));
  }
}
