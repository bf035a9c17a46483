// The program as a user starts it: training, evaluation, samples, the layouts of data sets, errors.
#include "programs/vessel_segmentation.hpp"

#include "cnf/metrics/precision_recall.hpp"
#include "support/doctest.hpp"
#include "support/image_files.hpp"
#include "support/training_runs.hpp"

namespace fs = std::filesystem;
using vessel_segmentation::Fundus;
using vessel_segmentation::Mask;

namespace {

void write_bytes(const fs::path& path, const std::vector<std::uint8_t>& bytes) {
  fs::create_directories(path.parent_path());
  write_text(path, {bytes.begin(), bytes.end()});
}

/// A mask as DRIVE's GIFs; the second grader's have their own palette.
void write_gif(const fs::path& path, const Mask& mask, bool of_second = false) {
  using Colour = std::array<std::uint8_t, 3>;
  const auto palette = of_second ? std::vector<Colour>{{4, 2, 4}, {252, 254, 252}}
                                 : std::vector<Colour>{{0, 0, 0}, {255, 255, 255}};
  write_bytes(path, gif_bytes(mask.height, mask.width, palette, mask.on));
}

/// Images `first`, first + 1, ... as DRIVE's part `name`.
void write_drive(const fs::path& root, const std::string& name, int first, int count, bool with_second) {
  for (int number = first; number < first + count; ++number) {
    const auto f = vessel_segmentation::synthesize({.height = 50, .width = 44, .seed = 9}, number);
    const auto n = (number < 10 ? "0" : "") + std::to_string(number);
    const auto part = root / name;
    write_bytes(part / "images" / (n + "_" + name + ".tif"),
                lzw_tiff_bytes(f.image.height, f.image.width, f.image.rgb));
    write_gif(part / "1st_manual" / (n + "_manual1.gif"), f.label);
    write_gif(part / "mask" / (n + "_" + name + "_mask.gif"), f.field_of_view);
    if (with_second) write_gif(part / "2nd_manual" / (n + "_manual2.gif"), *f.second, true);
  }
}

/// The sum of a few masks of one data set against another.
cnf::metrics::Confusion human(const fs::path& data) {
  cnf::metrics::Confusion sum;
  for (const auto& files : vessel_segmentation::find_fundus(data, "plain", vessel_segmentation::Part::test)) {
    const auto f = vessel_segmentation::read_fundus(files);
    sum += cnf::metrics::confusion(f.second->on, f.label.on, f.field_of_view.on);
  }
  return sum;
}

}  // namespace

TEST_CASE("training leaves a checkpoint and a log, holds out whole patients, and learns") {
  for (const auto& [done, file, model] :
       {std::tuple{trained_vessels().cnf_run, trained_vessels().cnf, "cnf"},
        std::tuple{trained_vessels().bernoulli_run, trained_vessels().bernoulli, "bernoulli"}}) {
    CAPTURE(model);
    REQUIRE_MESSAGE(done.status == 0, done.err);
    CHECK(done.err.empty());
    CHECK(contains(done.out, "4 images to train, 1 held out"));
    CHECK(names_in(file.parent_path()) == std::set<std::string>{"log.jsonl", "model.safetensors"});
    const auto metadata = cnf::io::read_safetensors_metadata(file);
    CHECK(metadata.at("model") == model);
    CHECK(metadata.at("extractor") == "vgg");
    CHECK(metadata.at("scale") == "1");
    CHECK(metadata.at("step") == "20");  // 10 epochs of 4 images, 2 a step
    const auto log = log_of(file.parent_path());
    CHECK(log.back()["validation_bpd"] < 2);
    CHECK(log.back()["validation_bpd"] > 0);
  }
}

TEST_CASE("every model of the program trains, evaluates and samples") {
  const TemporaryFolder folder;
  std::vector<Arguments> trainings, evaluations;
  std::vector<std::string> names;
  for (const std::string model : {"cnf", "cnf-uniform", "bernoulli", "weighted-bernoulli"})
    for (const std::string extractor : {"vgg", "unet"})
      for (const std::string config : {"paper", "affine"}) {
        if (config == "affine" && (!model.starts_with("cnf") || extractor == "vgg")) continue;
        names.push_back(model + "-" + extractor + "-" + config);
        trainings.push_back(vessel_training(trained_vessels().data, folder / names.back(),
                                            {"--model", model, "--extractor", extractor, "--config", config,
                                             "--epochs", "1", "--val-fraction", "0"}));
        evaluations.push_back(
            vessel_evaluation(folder / names.back() / "model.safetensors", trained_vessels().data,
                              {"--patients", "1", "--json", folder / (names.back() + ".json")}));
      }
  for (const auto& d : run_all(trainings)) REQUIRE_MESSAGE(d.status == 0, d.err);
  for (const auto& d : run_all(evaluations)) REQUIRE_MESSAGE(d.status == 0, d.err);
  for (const auto& name : names) {
    CAPTURE(name);
    const auto json = nlohmann::json::parse(content(folder / (name + ".json")));
    CHECK(json["nonfinite"] == 0);
    CHECK(name.starts_with(json["model"].get<std::string>()));
    CHECK(json["likelihood"] == (name.starts_with("cnf") ? "bound" : "exact"));
    CHECK(json["bits_per_image"] > 48 * 44 * 0.05);
    CHECK(json["bits_per_image"] < 48 * 44 * 12);  // of the start of a training
  }
}

TEST_CASE("evaluation: every number, consistent with the others, and the pictures") {
  const TemporaryFolder folder;
  const auto& t = trained_vessels();
  const auto done =
      run_all({vessel_evaluation(
                   t.cnf, t.data,
                   {"--baseline", t.bernoulli, "--json", folder / "both.json", "--pictures", folder / "p"}),
               vessel_evaluation(t.cnf, t.data, {"--json", folder / "one.json"}),
               vessel_evaluation(t.cnf, t.data, {"--json", folder / "other.json", "--seed", "2"})});
  for (const auto& d : done) {
    REQUIRE_MESSAGE(d.status == 0, d.err);
    CHECK(d.err.empty());
  }
  auto both = nlohmann::json::parse(content(folder / "both.json"));
  const auto one = nlohmann::json::parse(content(folder / "one.json"));
  const auto other = nlohmann::json::parse(content(folder / "other.json"));
  const auto baseline = both["baseline"];
  both.erase("baseline");
  CHECK(both == one);
  CHECK(one["bits_per_image"] != other["bits_per_image"]);
  CHECK(one["sample_precision"] != other["sample_precision"]);

  for (const char* key : {"f_max", "f_threshold", "f_max_per_image", "bits_per_image", "bpd_image", "bpd_fov",
                          "bpd_1024", "iw_bits_per_image", "sample_precision", "sample_recall",
                          "human_precision", "human_recall", "human_f", "nonfinite"}) {
    CAPTURE(key);
    REQUIRE(one.contains(key));
    CHECK(one[key].is_number());
  }
  for (const auto& report : {one, baseline}) {
    const double bits = report["bits_per_image"], pixels = 48 * 44;
    CHECK(report["images"] == 5);
    CHECK(report["nonfinite"] == 0);
    CHECK(report["bpd_image"].get<double>() == doctest::Approx(bits / pixels));
    CHECK(report["bpd_1024"].get<double>() == doctest::Approx(bits / 1024 / 1024));
    CHECK(report["bpd_fov"] > report["bpd_image"]);
    CHECK(report["f_max_per_image"] >= report["f_max_whole_image"]);
    const double p = report["sample_precision"], r = report["sample_recall"];
    CHECK(report["sample_f"].get<double>() == doctest::Approx(2 * p * r / (p + r)));
  }
  CHECK(one["iw_bits_per_image"] < one["bits_per_image"]);
  CHECK(one["iw_effective_draws"] >= 1);
  CHECK(one["iw_effective_draws"] <= 3);
  CHECK(!baseline.contains("iw_bits_per_image"));  // exact: nothing to weigh
  const auto second = human(t.data);
  CHECK(one["human_precision"].get<double>() == doctest::Approx(second.precision()));
  CHECK(one["human_recall"].get<double>() == doctest::Approx(second.recall()));
  CHECK(one["human_f"].get<double>() == doctest::Approx(second.f()));

  CHECK(names_in(folder / "p") ==
        std::set<std::string>{"panels.png", "pr_curve.png", "pr_samples.png", "reliability.png"});
  for (const auto& name : names_in(folder / "p")) {
    const auto picture = support::read_image(folder / "p" / name);
    CHECK(picture.width > 400);
    CHECK(picture.height > 300);
  }
}

TEST_CASE(
    "samples: masks of the photograph's size, their mean and their uncertainty, functions of the seed") {
  const TemporaryFolder folder;
  const auto& t = trained_vessels();
  const auto photograph = vessel_segmentation::synthesize({.height = 45, .width = 51, .seed = 4}, 1);
  support::write_image(folder / "eye.png", photograph.image);
  support::write_image(folder / "fov.png", to_image(photograph.field_of_view));
  const auto sample = [&](const std::string& out, const std::string& seed, const Arguments& more = {}) {
    return vessel_segmentation_command(
        {"sample", "--checkpoint", t.cnf, "--input", folder / "eye.png", "--out", folder / out, "--count",
         "11", "--seed", seed, "--threads", "1"},
        more);
  };
  const auto done = run_all({sample("a", "1"), sample("b", "1", {"--field-of-view", folder / "fov.png"}),
                             sample("c", "2"), sample("d", "1", {"--whole"})});
  for (const auto& d : done) REQUIRE_MESSAGE(d.status == 0, d.err);
  std::set<std::string> names{"mean.png", "uncertainty.png"};
  for (int i = 1; i <= 11; ++i) names.insert((i < 10 ? "sample-0" : "sample-") + std::to_string(i) + ".png");
  CHECK(names_in(folder / "a") == names);
  CHECK(content(folder / "a" / "sample-03.png") != content(folder / "c" / "sample-03.png"));
  CHECK(content(folder / "a" / "sample-03.png") != content(folder / "a" / "sample-04.png"));
  CHECK(content(folder / "a" / "sample-03.png") != content(folder / "d" / "sample-03.png"));

  std::vector<double> sum(45 * 51);
  for (const auto& name : names) {
    const auto image = support::read_image(folder / "a" / name);
    REQUIRE(image.height == 45);
    REQUIRE(image.width == 51);
    if (!name.starts_with("sample")) continue;
    for (std::size_t i = 0; i < sum.size(); ++i) {
      REQUIRE((image.rgb[3 * i] == 0 || image.rgb[3 * i] == 255));
      sum[i] += image.rgb[3 * i] / 11.0;
    }
  }
  const auto mean = support::read_image(folder / "a" / "mean.png");
  const auto uncertainty = support::read_image(folder / "a" / "uncertainty.png");
  double off = 0, off_uncertainty = 0;
  for (std::size_t i = 0; i < sum.size(); ++i) {
    const double p = sum[i] / 255;
    off = std::max(off, std::abs(sum[i] - mean.rgb[3 * i]));
    off_uncertainty =
        std::max(off_uncertainty, std::abs(255 * 2 * std::sqrt(p * (1 - p)) - uncertainty.rgb[3 * i]));
  }
  CHECK(off <= 0.51);
  CHECK(off_uncertainty <= 0.6);
}

TEST_CASE("at a reduced scale the program works at it and writes at the photograph's size") {
  const TemporaryFolder folder;
  const auto& t = trained_vessels();
  const auto train =
      run(vessel_training(t.data, folder / "half", {"--scale", "0.5", "--crop", "0", "--val-fraction", "0"}));
  REQUIRE_MESSAGE(train.status == 0, train.err);
  CHECK(contains(train.out, "about 22x24"));
  const auto half = folder / "half" / "model.safetensors";
  const auto evaluate = run(vessel_evaluation(half, t.data, {"--json", folder / "half.json"}));
  REQUIRE_MESSAGE(evaluate.status == 0, evaluate.err);
  const auto json = nlohmann::json::parse(content(folder / "half.json"));
  CHECK(json["scale"] == 0.5);
  CHECK(json["bpd_image"].get<double>() == doctest::Approx(json["bits_per_image"].get<double>() / (24 * 22)));
  const auto photograph = t.data / "images" / *names_in(t.data / "images").begin();
  const auto sample =
      run(vessel_segmentation_command({"sample", "--checkpoint", half, "--input", photograph, "--out",
                                       folder / "out", "--count", "1", "--threads", "1"}));
  REQUIRE_MESSAGE(sample.status == 0, sample.err);
  CHECK(support::read_image(folder / "out" / "mean.png").height == 48);
  const auto mixed = run(vessel_evaluation(half, t.data, {"--baseline", t.bernoulli}));
  CHECK(mixed.status == 2);
  CHECK(contains(mixed.err, "expected a baseline trained at the scale 0.5, got one of 1"));
}

TEST_CASE("DRIVE, as published: LZW TIFF, GIF labels, the second grader's palette, training and test") {
  const TemporaryFolder folder;
  write_drive(folder / "DRIVE", "training", 21, 4, false);
  write_drive(folder / "DRIVE", "test", 1, 2, true);
  const auto train =
      run(vessel_training(folder / "DRIVE", folder / "out", {"--layout", "drive", "--val-fraction", "0.25"}));
  REQUIRE_MESSAGE(train.status == 0, train.err);
  CHECK(contains(train.out, "3 images to train, 1 held out"));
  const auto evaluate = run(vessel_evaluation(folder / "out" / "model.safetensors", folder / "DRIVE",
                                              {"--layout", "drive", "--json", folder / "drive.json"}));
  REQUIRE_MESSAGE(evaluate.status == 0, evaluate.err);
  const auto json = nlohmann::json::parse(content(folder / "drive.json"));
  CHECK(json["images"] == 2);
  // the second grader as written: neither white everywhere nor lost in the palette
  cnf::metrics::Confusion expected;
  for (const int number : {1, 2}) {
    const auto f = vessel_segmentation::synthesize({.height = 50, .width = 44, .seed = 9}, number);
    expected += cnf::metrics::confusion(f.second->on, f.label.on, f.field_of_view.on);
  }
  CHECK(json["human_f"].get<double>() == doctest::Approx(expected.f()));
  CHECK(json["human_f"] > 0.5);
}

TEST_CASE("Ctrl-C keeps the work; a resumed training ends where an uninterrupted one does") {
  const TemporaryFolder folder;
  const Arguments more{"--epochs", "40", "--val-fraction", "0"};
  Process whole(vessel_training(trained_vessels().data, folder / "whole", more));
  const auto stopped =
      interrupted_training(vessel_training(trained_vessels().data, folder / "parts", more), folder / "parts");
  CHECK(stopped.status == 130);
  CHECK(stopped.err.empty());
  const auto middle = std::stol(checkpoint_in(folder / "parts").metadata.at("step"));
  REQUIRE(middle < 120);
  const auto uninterrupted = whole.wait();
  REQUIRE_MESSAGE(uninterrupted.status == 0, uninterrupted.err);
  const auto refused = run(vessel_training(trained_vessels().data, folder / "parts", more));
  CHECK(refused.status == 2);
  CHECK(contains(refused.err, "exists: give --resume"));
  auto again = more;
  again.push_back("--resume");
  const auto resumed = run(vessel_training(trained_vessels().data, folder / "parts", again));
  REQUIRE_MESSAGE(resumed.status == 0, resumed.err);
  CHECK((checkpoint_in(folder / "parts").tensors == checkpoint_in(folder / "whole").tensors));
}

TEST_CASE("errors are one line that names what is wrong, and leave nothing behind") {
  const TemporaryFolder folder;
  const auto& t = trained_vessels();
  write_text(folder / "text.safetensors", "no checkpoint");
  support::write_image(folder / "eye.png",
                       vessel_segmentation::synthesize({.height = 40, .width = 40}, 1).image);
  support::write_image(folder / "small.png", to_image(Mask{8, 8, std::vector<std::uint8_t>(64, 1)}));
  const auto sample = [&](const Arguments& more) {
    return vessel_segmentation_command({"sample", "--checkpoint", t.cnf, "--input", folder / "eye.png",
                                        "--out", folder / "out", "--threads", "1"},
                                       more);
  };
  const std::vector<std::pair<Arguments, std::string>> wrong{
      {vessel_training(t.data, folder / "new", {"--crop", "30"}), "expected a --crop divisible by 4, got 30"},
      {vessel_training(folder / "none", folder / "new"), "none"},
      {vessel_training(t.data, folder / "new", {"--patients", "17"}), "17"},
      {vessel_training(t.data, folder / "new", {"--layout", "hrf"}), "hrf"},
      {vessel_training(t.data, folder / "new", {"--model", "gan"}), "gan"},
      {vessel_training(t.data, folder / "new", {"--lr", "-1"}), "expected a number above 0, got -1"},
      {vessel_training(t.data, folder / "new", {"--resume"}), "nothing to resume"},
      {vessel_evaluation(folder / "text.safetensors", t.data), "text.safetensors"},
      {vessel_evaluation(folder / "none.safetensors", t.data), "none.safetensors"},
      {vessel_evaluation(t.cnf, t.data, {"--samples", "0"}), "expected a number above 0, got 0"},
      {vessel_evaluation(t.cnf, t.data, {"--layout", "drive"}), "data"},
      {sample({"--field-of-view", folder / "small.png"}), "small.png"},
      {sample({"--input", folder / "text.safetensors"}), "text.safetensors"},
  };
  const auto before = files_in(folder.path());
  std::vector<Arguments> command_lines;
  for (const auto& [arguments, text] : wrong) command_lines.push_back(arguments);
  const auto done = run_all(command_lines);
  for (std::size_t i = 0; i < wrong.size(); ++i) {
    CAPTURE(done[i].err);
    CHECK(done[i].status == 2);
    CHECK(contains(done[i].err, wrong[i].second));
    CHECK(std::count(done[i].err.begin(), done[i].err.end(), '\n') == 1);
    CHECK(done[i].err.starts_with("vessel_segmentation: "));
  }
  CHECK(files_in(folder.path()) == before);
}

TEST_CASE("a checkpoint of another program is refused by its architecture") {
  const TemporaryFolder folder;
  cnf::io::Safetensors foreign{{{"architecture", "FactorisedLogistic<...>"}}, {}};
  cnf::io::write_safetensors(folder / "foreign.safetensors", foreign);
  const auto done = run(vessel_evaluation(folder / "foreign.safetensors", trained_vessels().data));
  CHECK(done.status == 2);
  CHECK(contains(done.err,
                 "expected a model of vessel_segmentation, got the architecture FactorisedLogistic<...>"));

  foreign.metadata["program"] = "super_resolution";
  cnf::io::write_safetensors(folder / "foreign.safetensors", foreign);
  const auto other = run(vessel_evaluation(folder / "foreign.safetensors", trained_vessels().data));
  CHECK(contains(other.err, "expected a model of vessel_segmentation, got one of super_resolution"));
}

TEST_CASE(
    "without --out the masks of each photograph lie in a folder beside it, and nothing is overwritten") {
  const TemporaryFolder folder;
  const auto& t = trained_vessels();
  std::vector<std::string> inputs;
  for (const int number : {1, 2}) {
    inputs.push_back(folder / (std::to_string(number) + ".eye.png"));
    support::write_image(inputs.back(),
                         vessel_segmentation::synthesize({.height = 40, .width = 44}, number).image);
  }
  Arguments all{"sample", "--checkpoint", t.cnf, "--count", "2", "--threads", "1", "--input"};
  all.insert(all.end(), inputs.begin(), inputs.end());
  for (const std::string ending : {"-vessels", "-vessels.2"}) {
    const auto done = run(vessel_segmentation_command(all));
    REQUIRE_MESSAGE(done.status == 0, done.err);
    for (const auto& input : inputs) {
      const auto out = fs::path(input).replace_extension().string() + ending;
      CHECK(names_in(out) ==
            std::set<std::string>{"mean.png", "sample-1.png", "sample-2.png", "uncertainty.png"});
    }
  }
  // one of three is no eye
  support::write_image(folder / "black.png", {40, 44, std::vector<std::uint8_t>(40 * 44 * 3)});
  all.push_back(folder / "black.png");
  const auto refused = run(vessel_segmentation_command(all));
  CHECK(refused.status == 2);
  CHECK(contains(refused.err, "1 of 3 images can't be used"));
  CHECK(contains(refused.err, "black.png, whose field of view is empty"));
  CHECK_FALSE(fs::exists(fs::path(inputs[0]).replace_extension().string() + "-vessels.3"));
  all.pop_back();
  all.insert(all.end(), {"--out", folder / "one"});
  const auto mixed = run(vessel_segmentation_command(all));
  CHECK(mixed.status == 2);
  CHECK(contains(mixed.err, "expected one --input for --out, got 2"));
}

TEST_CASE("a photograph is segmented at the size of eye that the model learnt from, or as told") {
  const TemporaryFolder folder;
  const auto& t = trained_vessels();
  const auto large = vessel_segmentation::synthesize({.height = 192, .width = 176, .seed = 3}, 1);
  support::write_image(folder / "large.png", large.image);
  const auto sample = [&](const Arguments& more) {
    const auto done =
        run(vessel_segmentation_command({"sample", "--checkpoint", t.cnf, "--input", folder / "large.png",
                                         "--out", folder / "out", "--count", "1", "--threads", "1"},
                                        more));
    REQUIRE_MESSAGE(done.status == 0, done.err);
    CHECK(support::read_image(folder / "out" / "mean.png").height == 192);
    return done.out;
  };
  // four times the training's 48x44
  const auto line = sample({});
  const auto at = line.find("segmented at ");
  REQUIRE(at != std::string::npos);
  const int width = std::stoi(line.substr(at + 13));
  CHECK(width >= 40);
  CHECK(width <= 48);
  CHECK(contains(sample({"--scale", "0.5"}), "176x192, segmented at 88x96"));
}

TEST_CASE(
    "an image without vessels is told and left out of recall, not of the rest; a bad one ends it, or is left "
    "out") {
  const TemporaryFolder folder;
  const auto& t = trained_vessels();
  const auto data = folder / "data";
  fs::copy(t.data, data, fs::copy_options::recursive);
  const auto first = *names_in(data / "images").begin();
  const auto label = fs::path(first).stem().string() + ".png";
  REQUIRE(fs::exists(data / "labels" / label));
  const auto image = support::read_image(data / "labels" / label);
  support::write_image(data / "labels" / label, support::Image{image.height, image.width,
                                                               std::vector<std::uint8_t>(image.rgb.size())});
  const auto done = run(vessel_evaluation(t.cnf, data, {"--json", folder / "empty.json"}));
  REQUIRE_MESSAGE(done.status == 0, done.err);
  CHECK(contains(done.out, "has no vessel in the field of view"));
  const auto json = nlohmann::json::parse(content(folder / "empty.json"));
  CHECK(json["images"] == 5);
  CHECK(json["f_max_per_image"].get<double>() <= 1);

  write_text(data / "images" / first, "no image");
  const auto refused = run(vessel_evaluation(t.cnf, data));
  CHECK(refused.status == 2);
  CHECK(contains(refused.err, "1 of 5 images can't be used (--skip-bad goes on without them): "));
  CHECK(contains(refused.err, first));
  const auto skipped = run(vessel_evaluation(t.cnf, data, {"--skip-bad", "--json", folder / "skipped.json"}));
  REQUIRE_MESSAGE(skipped.status == 0, skipped.err);
  CHECK(contains(skipped.out, "left out: 1 of 5 images"));
  CHECK(nlohmann::json::parse(content(folder / "skipped.json"))["images"] == 4);
}
