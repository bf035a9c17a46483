// The program as a user starts it: training, resuming, evaluation, samples, descriptions.
#include "programs/super_resolution.hpp"

#include <OpenImageIO/imageio.h>

#include <chrono>
#include <limits>
#include <sstream>
#include <thread>

#include "cnf/io/checkpoint.hpp"
#include "super_resolution/consistency.hpp"
#include "super_resolution/resize.hpp"
#include "support/doctest.hpp"
#include "support/training_runs.hpp"

namespace fs = std::filesystem;

namespace {

/// A command line with an option and its value changed.
Arguments with(Arguments arguments, const std::string& option, const std::string& value) {
  *(std::find(arguments.begin(), arguments.end(), option) + 1) = value;
  return arguments;
}

int largest_difference(const support::Image& a, const support::Image& b) {
  REQUIRE(a.rgb.size() == b.rgb.size());
  int largest = 0;
  for (std::size_t i = 0; i < a.rgb.size(); ++i)
    largest = std::max(largest, std::abs(int{a.rgb[i]} - int{b.rgb[i]}));
  return largest;
}

/// How many images stand side by side in the last row of a picture: what white gaps divide.
int columns_of(const support::Image& picture) {
  int columns = 0, gap = std::numeric_limits<int>::max() / 2;
  for (int x = 0; x < picture.width; ++x) {
    bool white = true;
    for (int y = picture.height - 60; y < picture.height - 20; ++y)
      for (int c = 0; c < 3; ++c)
        white = white && picture.rgb[static_cast<std::size_t>((y * picture.width + x) * 3 + c)] == 255;
    if (!white && gap >= 6) ++columns;
    gap = white ? gap + 1 : 0;
  }
  return columns;
}

/// An image file of any number of channels and depth, filled from an image's red, green, blue, opaque.
template <class Value>
void write_channels(const fs::path& path, const support::Image& image, int channels) {
  const auto scale = std::numeric_limits<Value>::max() / 255;
  std::vector<Value> values;
  for (std::size_t i = 0; i < image.rgb.size(); i += 3)
    for (std::size_t c = 0; c < static_cast<std::size_t>(channels); ++c)
      values.push_back(static_cast<Value>(scale * (c == 3 ? 255 : image.rgb[i + c])));
  OIIO::ImageSpec spec(image.width, image.height, channels, OIIO::BaseTypeFromC<Value>::value);
  const auto out = OIIO::ImageOutput::create(path.string());
  REQUIRE(out);
  REQUIRE(out->open(path.string(), spec));
  REQUIRE(out->write_image(OIIO::BaseTypeFromC<Value>::value, values.data()));
  REQUIRE(out->close());
}

/// The numbers in "parameters: 39.98 M in all, 24.24 M in the extractor, 15.73 M in the flow".
std::vector<double> millions_in(const std::string& text) {
  std::vector<double> numbers;
  std::istringstream words(text.substr(text.find("\nparameters: ") + 13));
  for (std::string word, before; words >> word; before = word)
    if (word == "M") numbers.push_back(std::stod(before));
  return numbers;
}

}  // namespace

TEST_CASE("training leaves a checkpoint and a log of JSON lines, and nothing else") {
  for (const auto& [done, file, model] :
       {std::tuple{trained().cnf_run, trained().cnf, "cnf"},
        std::tuple{trained().factorised_run, trained().factorised, "factorised"}}) {
    CAPTURE(model);
    REQUIRE_MESSAGE(done.status == 0, done.err);
    CHECK(done.err.empty());
    CHECK(contains(done.out, "5 images to train, 1 held out"));
    CHECK(contains(done.out, "checkpoint: " + file.string()));
    CHECK(names_in(file.parent_path()) == std::set<std::string>{"log.jsonl", "model.safetensors"});

    const auto metadata = cnf::io::read_safetensors_metadata(file);
    CHECK(metadata.at("model") == model);
    CHECK(metadata.at("config") == "small");
    CHECK(metadata.at("step") == "20");

    const auto log = log_of(file.parent_path());
    REQUIRE(log.size() == 2);
    CHECK(keys_of(log[0]) == std::set<std::string>{"step", "bpd", "smooth_bpd", "learning_rate",
                                                   "gradient_norm", "images_per_second", "elapsed"});
    CHECK(keys_of(log[1]) == std::set<std::string>{"step", "validation_bpd"});
    for (const auto& line : log) {
      CHECK(line["step"] == 20);
      for (const auto& [key, value] : line.items()) {
        CAPTURE(key);
        CHECK(value.is_number());  // null if it is not finite
        CHECK(value > 0);
      }
    }
    CHECK(log[0]["bpd"] < 20);
    CHECK(log[1]["validation_bpd"] < 20);
  }
}

TEST_CASE("--from begins with another model's weights") {
  const TemporaryFolder folder;
  const auto validated = [&](const std::string& name, const Arguments& more) {
    Arguments options{"--steps", "1", "--lr", "1e-12", "--average", "0"};
    options.insert(options.end(), more.begin(), more.end());
    REQUIRE(run(training(trained().photographs, folder / name, options)).status == 0);
    double bits = 0;
    for (const auto& line : log_of(folder / name))
      if (line.contains("validation_bpd")) bits = line.at("validation_bpd");
    return bits;
  };
  const double learnt = validated("from", {"--from", trained().cnf});
  CHECK(learnt > 0);
  CHECK(learnt < validated("new", {}) - 0.5);
  const auto refused =
      run(training(trained().photographs, folder / "other", {"--from", trained().cnf, "--config", "base"}));
  CHECK(refused.status == 2);
  CHECK(contains(refused.err, "--from excludes --config"));
  const auto missing = run(training(trained().photographs, folder / "other", {"--from", folder / "none"}));
  CHECK(missing.status == 2);
  CHECK(contains(missing.err, (folder / "none").string()));
  CHECK_FALSE(std::filesystem::exists(folder / "other"));
}

TEST_CASE("training is a function of the seed") {
  const TemporaryFolder folder;
  const auto arguments = [&](const std::string& out, const std::string& seed) {
    return training(trained().photographs, folder / out, {"--steps", "3", "--seed", seed});
  };
  for (const auto& done : run_all({arguments("a", "5"), arguments("b", "5"), arguments("c", "6")}))
    REQUIRE_MESSAGE(done.status == 0, done.err);
  const auto a = log_of(folder / "a"), b = log_of(folder / "b"), c = log_of(folder / "c");
  CHECK(a[0]["bpd"] == b[0]["bpd"]);
  CHECK(a[0]["gradient_norm"] == b[0]["gradient_norm"]);
  CHECK(a[0]["bpd"] != c[0]["bpd"]);
  CHECK((checkpoint_in(folder / "a").tensors == checkpoint_in(folder / "b").tensors));
  CHECK((checkpoint_in(folder / "a").tensors != checkpoint_in(folder / "c").tensors));
}

TEST_CASE(
    "pieces of a batch, rebuilt activations and bfloat16 networks are ways to compute the same training") {
  const TemporaryFolder folder;
  const auto bpd_after = [&](const std::string& name, const Arguments& options) {
    Arguments all{
        "train",   "--data", trained().photographs, "--out", folder / name, "--steps", "20", "--batch", "4",
        "--patch", "16",     "--threads",           "1"};
    all.insert(all.end(), options.begin(), options.end());
    const auto done = run(super_resolution_command(all));
    REQUIRE_MESSAGE(done.status == 0, done.err);
    const auto log = content(folder / name / "log.jsonl");
    return nlohmann::json::parse(log.substr(0, log.find('\n'))).at("smooth_bpd").get<double>();
  };
  const double whole = bpd_after("whole", {});
  CHECK(bpd_after("pieces", {"--micro-batch", "1"}) == doctest::Approx(whole).epsilon(1e-3));
  CHECK(bpd_after("tried", {"--micro-batch", "auto"}) == doctest::Approx(whole).epsilon(1e-3));
  CHECK(bpd_after("rebuilt", {"--reversible"}) == doctest::Approx(whole).epsilon(1e-3));
  CHECK(bpd_after("half", {"--precision", "bfloat16"}) == doctest::Approx(whole).epsilon(0.02));
  CHECK(bpd_after("all", {"--precision", "bfloat16", "--reversible", "--micro-batch", "2"}) ==
        doctest::Approx(whole).epsilon(0.02));
}

TEST_CASE("Ctrl-C keeps the work, and a resumed training ends where an uninterrupted one does") {
  const TemporaryFolder folder;
  const Arguments steps{"--steps", "100"};
  Process whole(training(trained().photographs, folder / "whole", steps));
  const auto stopped =
      interrupted_training(training(trained().photographs, folder / "parts", steps), folder / "parts");
  CHECK(stopped.status == 130);
  CHECK(stopped.err.empty());
  CHECK(contains(stopped.out, "interrupted at step "));
  CHECK(names_in(folder / "parts") == std::set<std::string>{"log.jsonl", "model.safetensors"});
  const auto middle = std::stol(checkpoint_in(folder / "parts").metadata.at("step"));
  CHECK(middle >= 20);
  REQUIRE(middle < 100);
  const auto uninterrupted = whole.wait();
  REQUIRE_MESSAGE(uninterrupted.status == 0, uninterrupted.err);

  auto more = steps;
  more.push_back("--resume");
  const auto resumed = run(training(trained().photographs, folder / "parts", more));
  REQUIRE_MESSAGE(resumed.status == 0, resumed.err);
  const auto expected = checkpoint_in(folder / "whole"), got = checkpoint_in(folder / "parts");
  CHECK(got.metadata.at("step") == "100");
  CHECK(got.metadata.at("adam_step") == "100");
  REQUIRE(got.tensors.size() == expected.tensors.size());
  for (const auto& [name, tensor] : expected.tensors) {
    CAPTURE(name);
    CHECK(got.tensors.at(name) == tensor);
  }

  const auto log = log_of(folder / "parts");
  long step = 0;
  double elapsed = 0;
  for (const auto& line : log) {
    if (!line.contains("bpd")) continue;
    CHECK(line["step"] > step);
    CHECK(line["elapsed"] > elapsed);  // also counts the time before
    step = line["step"];
    elapsed = line["elapsed"];
  }
  CHECK(step == 100);
  const auto last_bpd = [](const std::vector<nlohmann::json>& lines) {
    return (lines.end() - 2)->at("bpd").get<double>();  // the last line is of the held-out image
  };
  CHECK(last_bpd(log) == last_bpd(log_of(folder / "whole")));
}

TEST_CASE("evaluation: the numbers, the same whenever it is run, and a picture with all columns") {
  const TemporaryFolder folder;
  fs::create_directory(folder / "test");
  support::write_image(folder / "test" / "odd.png", photograph(45, 51, 1));
  support::write_image(folder / "test" / "mixed.bmp", photograph(37, 40, 2));
  support::write_image(folder / "test" / "even.tif", photograph(36, 54, 3));
  const auto arguments = [&](const Arguments& more) {
    Arguments all{"--temperatures", "0,0.5,1", "--crops", "5"};
    all.insert(all.end(), more.begin(), more.end());
    return evaluation(trained().cnf, folder / "test", all);
  };
  const auto done = run_all({arguments({"--baseline", trained().factorised, "--json", folder / "both.json",
                                        "--pictures", folder / "pictures"}),
                             arguments({"--json", folder / "one.json"}),
                             arguments({"--json", folder / "other.json", "--seed", "2"}),
                             super_resolution_command({"bicubic-check", "--data", folder / "test"})});
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
  CHECK(one["bpd"] != other["bpd"]);
  CHECK(one["psnr_y"]["0"] == other["psnr_y"]["0"]);
  CHECK(one["psnr_y"]["1"] != other["psnr_y"]["1"]);
  for (const auto& [report, file, likelihood] :
       {std::tuple{one, trained().cnf, "bound"}, std::tuple{baseline, trained().factorised, "exact"}}) {
    CAPTURE(likelihood);
    CHECK(keys_of(report) == std::set<std::string>{"images", "bpd", "bpd_stderr", "likelihood", "psnr_y",
                                                   "ssim_y", "speck_share", "low_resolution_psnr",
                                                   "parameters", "nonfinite"});
    const std::set<std::string> rows{"bicubic", "0", "0.5", "1"};
    CHECK(keys_of(report["psnr_y"]) == rows);
    for (const char* quality : {"ssim_y", "speck_share", "low_resolution_psnr"})
      CHECK(keys_of(report[quality]) == rows);
    CHECK(report["speck_share"]["bicubic"] == 0);
    CHECK(report["low_resolution_psnr"]["bicubic"] > report["low_resolution_psnr"]["1"]);
    CHECK(report["images"] == 3);
    CHECK(report["nonfinite"] == 0);
    CHECK(report["likelihood"].get<std::string>().starts_with(likelihood));
    CHECK(report["bpd"] > 1);
    CHECK(report["bpd"] < 20);
    CHECK(report["bpd_stderr"] > 0);
    CHECK(report["bpd_stderr"] < 3);
    for (const auto& row : rows) {
      CAPTURE(row);
      CHECK(report["psnr_y"][row] > 3);
      CHECK(report["psnr_y"][row] < 60);
      CHECK(report["ssim_y"][row] > -1);
      CHECK(report["ssim_y"][row] < 1);
    }
    long parameters = 0;
    for (const auto& [name, tensor] : cnf::io::read_safetensors(file).tensors)
      if (name.starts_with("adam:exp_avg:")) parameters += static_cast<long>(tensor.data.size() / 4);
    CHECK(report["parameters"] == parameters);
  }
  CHECK(baseline["psnr_y"]["bicubic"] == one["psnr_y"]["bicubic"]);
  CHECK(one["psnr_y"]["bicubic"] > 30);  // the photographs are smooth

  std::ostringstream line;
  line.setf(std::ios::fixed);
  line.precision(2);
  line << "bicubic: " << one["psnr_y"]["bicubic"].get<double>() << " dB PSNR-Y, ";
  line.precision(4);
  line << one["ssim_y"]["bicubic"].get<double>() << " SSIM on 3 images\n";
  CHECK(done[3].out == line.str());

  CHECK(names_in(folder / "pictures") == std::set<std::string>{"samples.png"});
  // low, bicubic, a sample for each temperature, baseline's mode and sample, original
  CHECK(columns_of(support::read_image(folder / "pictures" / "samples.png")) == 8);
}

TEST_CASE("a sample is twice as large as its input, and a function of the seed") {
  const TemporaryFolder folder;
  support::write_image(folder / "odd.png", photograph(21, 17, 1));
  const auto sample = [&](const std::string& output, const Arguments& more) {
    return sampling(trained().cnf, folder / "odd.png", folder / output, more);
  };
  const auto baseline = [&](const std::string& output, const Arguments& more) {
    return sampling(trained().factorised, folder / "odd.png", folder / output, more);
  };
  const auto done =
      run_all({sample("a.png", {"--seed", "3"}), sample("b.png", {"--seed", "3"}),
               sample("c.png", {"--seed", "4"}), sample("many.png", {"--seed", "3", "--count", "3"}),
               sample("zero.png", {"--temperature", "0", "--seed", "3"}),
               sample("zero2.png", {"--temperature", "0", "--seed", "4"}),
               with(sample("threads.png", {"--seed", "3"}), "--threads", "2"),
               baseline("d.png", {"--seed", "3"}), baseline("e.png", {"--temperature", "0", "--seed", "3"}),
               baseline("f.png", {"--temperature", "0", "--seed", "4"})});
  for (const auto& d : done) {
    REQUIRE_MESSAGE(d.status == 0, d.err);
    CHECK(d.err.empty());
  }
  CHECK(names_in(folder.path()) == std::set<std::string>{"odd.png", "a.png", "b.png", "c.png", "many-1.png",
                                                         "many-2.png", "many-3.png", "zero.png", "zero2.png",
                                                         "threads.png", "d.png", "e.png", "f.png"});
  for (const char* name : {"a.png", "many-3.png", "zero.png", "d.png"}) {
    const auto image = support::read_image(folder / name);
    CHECK(image.height == 42);
    CHECK(image.width == 34);
  }
  const auto bytes = [&](const char* name) { return content(folder / name); };
  CHECK(bytes("a.png") == bytes("b.png"));
  CHECK(bytes("a.png") != bytes("c.png"));
  CHECK(bytes("zero.png") == bytes("zero2.png"));
  CHECK(bytes("zero.png") != bytes("a.png"));
  CHECK(bytes("many-1.png") == bytes("a.png"));  // the first of several is the one of the same seed
  CHECK(bytes("many-2.png") != bytes("many-1.png"));
  CHECK(bytes("many-3.png") != bytes("many-1.png"));
  CHECK(bytes("many-3.png") != bytes("many-2.png"));
  CHECK(bytes("e.png") == bytes("f.png"));
  CHECK(bytes("d.png") != bytes("e.png"));
  // sums in another order may move a value over a rounding boundary, no more
  CHECK(largest_difference(support::read_image(folder / "threads.png"),
                           support::read_image(folder / "a.png")) <= 1);
}

TEST_CASE("one image in any kind of file gives one sample; the smallest has two rows and two columns") {
  const TemporaryFolder folder;
  const auto colour = photograph(6, 9, 1), grey = photograph(6, 9, 1, /*grey=*/true);
  support::write_image(folder / "rgb.png", colour);
  write_channels<std::uint8_t>(folder / "rgba.png", colour, 4);
  write_channels<std::uint16_t>(folder / "rgb16.png", colour, 3);
  write_channels<std::uint16_t>(folder / "rgba16.tif", colour, 4);
  support::write_image(folder / "grey3.png", grey);
  write_channels<std::uint8_t>(folder / "grey.png", grey, 1);
  write_channels<std::uint16_t>(folder / "grey16.png", grey, 1);
  support::write_image(folder / "smallest.png", photograph(2, 2, 1));
  std::vector<Arguments> command_lines;
  const std::vector<std::string> names{"rgb.png",   "rgba.png", "rgb16.png",  "rgba16.tif",
                                       "grey3.png", "grey.png", "grey16.png", "smallest.png"};
  for (const auto& name : names)
    command_lines.push_back(sampling(trained().cnf, folder / name, folder / ("2x-" + name + ".png")));
  for (const auto& done : run_all(command_lines)) REQUIRE_MESSAGE(done.status == 0, done.err);
  const auto bytes = [&](const std::string& name) { return content(folder / ("2x-" + name + ".png")); };
  for (const char* name : {"rgba.png", "rgb16.png", "rgba16.tif"}) CHECK(bytes(name) == bytes("rgb.png"));
  CHECK(bytes("grey16.png") == bytes("grey.png"));
  CHECK(bytes("grey3.png") != bytes("rgb.png"));
  const auto smallest = support::read_image(folder / "2x-smallest.png.png");
  CHECK(smallest.height == 4);
  CHECK(smallest.width == 4);
}

TEST_CASE("an enlargement keeps what its photograph has: one channel, transparency; the rest is said") {
  const TemporaryFolder folder;
  const auto colour = photograph(12, 14, 1);
  write_channels<std::uint8_t>(folder / "grey.png", photograph(12, 14, 1, /*grey=*/true), 1);
  support::Picture clear{.image = colour, .alpha = std::vector<std::uint8_t>(12 * 14, 255)};
  for (std::size_t i = 0; i < 6 * 14; ++i) clear.alpha[i] = 40;
  support::write_picture(folder / "clear.png", clear);
  support::write_image(folder / "opaque.png", colour);
  write_channels<std::uint16_t>(folder / "deep.png", colour, 3);
  const auto done = run_all({sampling(trained().cnf, folder / "grey.png", folder / "2x-grey.png"),
                             sampling(trained().cnf, folder / "clear.png", folder / "2x-clear.png"),
                             sampling(trained().cnf, folder / "opaque.png", folder / "2x-opaque.png"),
                             sampling(trained().cnf, folder / "deep.png", folder / "2x-deep.png"),
                             sampling(trained().cnf, folder / "clear.png", folder / "2x-clear.bmp")});
  for (const auto& d : done) REQUIRE_MESSAGE(d.status == 0, d.err);

  const auto grey = support::read_picture(folder / "2x-grey.png");
  CHECK(grey.grey);
  CHECK(grey.image.width == 28);
  const auto enlarged = support::read_picture(folder / "2x-clear.png");
  REQUIRE(enlarged.alpha.size() == 24 * 28);
  CHECK(enlarged.alpha[0] == 40);
  CHECK(enlarged.alpha[24 * 28 - 1] == 255);
  CHECK(enlarged.image.rgb ==
        support::read_image(folder / "2x-opaque.png").rgb);  // its colours know nothing of it
  CHECK(contains(done[3].out, "deep.png has 16 bits a channel; its enlargement has 8"));
  CHECK(!contains(done[2].out, "bits a channel"));
  CHECK(contains(done[4].out, "clear.png is transparent in parts, which 2x-clear.bmp can't hold"));
  CHECK(support::read_picture(folder / "2x-clear.bmp").alpha.empty());
}

TEST_CASE("without --output enlargements lie beside their photographs and overwrite nothing") {
  const TemporaryFolder folder;
  fs::create_directory(folder / "more");
  support::write_image(folder / "a.png", photograph(6, 8, 1));
  support::write_image(folder / "more" / "b.jpg", photograph(6, 8, 2));
  write_text(folder / "a-2x.png", "mine");
  const auto beside = [&](const Arguments& more) {
    Arguments all{"sample", "--checkpoint", trained().cnf,    "--threads",
                  "1",      "--input",      folder / "a.png", folder / "more" / "b.jpg"};
    all.insert(all.end(), more.begin(), more.end());
    return run(super_resolution_command(all));
  };
  const auto done = beside({});
  REQUIRE_MESSAGE(done.status == 0, done.err);
  CHECK(names_in(folder.path()) ==
        std::set<std::string>{"a.png", "a-2x.png", "a-2x.2.png", "more/b.jpg", "more/b-2x.png"});
  CHECK(content(folder / "a-2x.png") == "mine");
  CHECK(support::read_image(folder / "a-2x.2.png").width == 16);

  const auto two_into_one = beside({"--output", folder / "c.png"});
  CHECK(two_into_one.status == 2);
  CHECK(contains(two_into_one.err, "expected one --input for --output, got 2"));
}

TEST_CASE("tiles change nothing; Ctrl-C between two of them leaves no file") {
  const TemporaryFolder folder;
  support::write_image(folder / "a.png", photograph(70, 90, 1));
  const auto done =
      run_all({sampling(trained().cnf, folder / "a.png", folder / "whole.png"),
               sampling(trained().cnf, folder / "a.png", folder / "tiles.png", {"--tile", "16"}),
               sampling(trained().factorised, folder / "a.png", folder / "whole-f.png"),
               sampling(trained().factorised, folder / "a.png", folder / "tiles-f.png", {"--tile", "16"}),
               sampling(trained().cnf, folder / "a.png", folder / "bad.png", {"--tile", "8"})});
  for (std::size_t i = 0; i < 4; ++i) REQUIRE_MESSAGE(done[i].status == 0, done[i].err);
  CHECK(!contains(done[1].out, "%"));  // this is no terminal
  for (const std::string end : {".png", "-f.png"})
    CHECK(largest_difference(support::read_image(folder / ("whole" + end)),
                             support::read_image(folder / ("tiles" + end))) <= 1);
  CHECK(done[4].status == 2);
  CHECK(contains(done[4].err, "--tile: expected 0 or at least 16 pixels, got 8"));

  support::write_image(folder / "large.png", photograph(1200, 1200, 1));
  Process process(sampling(trained().cnf, folder / "large.png", folder / "never.png"));
  std::this_thread::sleep_for(std::chrono::seconds(3));
  process.interrupt();
  const auto stopped = process.wait();
  CHECK(stopped.status == 130);
  CHECK(stopped.err.empty());
  CHECK(!fs::exists(folder / "never.png"));
  for (const auto& name : names_in(folder.path())) CHECK(!contains(name, "tmp"));
}

TEST_CASE("an exported model is small, and samples as the one that it was") {
  const TemporaryFolder folder;
  support::write_image(folder / "a.png", photograph(20, 20, 1));
  const auto exported = run(super_resolution_command(
      {"export", "--checkpoint", trained().cnf, "--output", folder / "small.safetensors"}));
  REQUIRE_MESSAGE(exported.status == 0, exported.err);
  CHECK(contains(exported.out, "521236 parameters"));
  CHECK(fs::file_size(folder / "small.safetensors") < 1'150'000);
  const auto file = cnf::io::read_safetensors(folder / "small.safetensors");
  for (const auto& [name, tensor] : file.tensors) {
    CAPTURE(name);
    CHECK(!contains(name, ":"));
    CHECK(tensor.dtype == cnf::DType::bf16);
  }
  CHECK(file.metadata.at("step") == "20");
  CHECK(!file.metadata.contains("adam_step"));
  for (const auto& done :
       run_all({sampling(trained().cnf, folder / "a.png", folder / "before.png", {"--temperature", "0"}),
                sampling(folder / "small.safetensors", folder / "a.png", folder / "after.png",
                         {"--temperature", "0"})}))
    REQUIRE_MESSAGE(done.status == 0, done.err);
  CHECK(largest_difference(support::read_image(folder / "before.png"),
                           support::read_image(folder / "after.png")) <= 8);
}

TEST_CASE("describe: the paper's numbers of parameters, and rows that add up to them") {
  const auto done =
      run_all({super_resolution_command({"describe", "--config", "paper"}),
               super_resolution_command({"describe", "--config", "paper", "--model", "factorised"}),
               super_resolution_command({"describe", "--config", "base"}),
               super_resolution_command({"describe", "--config", "base", "--model", "factorised"})});
  for (const auto& d : done) REQUIRE_MESSAGE(d.status == 0, d.err);
  const auto base = millions_in(done[2].out), base_factorised = millions_in(done[3].out);
  CHECK(std::abs(base[0] - 7.4) <= 0.05);
  CHECK(std::abs(base_factorised[0] / base[0] - 1) < 0.02);
  const auto flow = millions_in(done[0].out), factorised = millions_in(done[1].out);
  REQUIRE(flow.size() == 3);
  REQUIRE(factorised.size() == 3);
  CHECK(std::abs(flow[2] - 15.7) <= 0.05);
  CHECK(std::abs(flow[0] - 40.0) <= 0.2);
  CHECK(std::abs(flow[0] - flow[1] - flow[2]) < 0.011);
  CHECK(std::abs(factorised[0] / flow[0] - 1) < 0.02);

  for (std::size_t i = 0; i < 2; ++i) {
    // columns from the right: parameters, multiply-adds
    long parameters = 0, multiply_adds = 0, rows = 0;
    bool table = false;
    for (const auto& line : lines_of(done[i].out)) {
      std::istringstream stream(line);
      const std::vector<std::string> words{std::istream_iterator<std::string>(stream), {}};
      if (line.starts_with("path ")) table = true;
      if (!table || words.size() < 3 || words[0] == "path") continue;
      const long p = std::stol(words[words.size() - 2]), m = std::stol(words.back());
      if (words[0] == "sum") {
        CHECK(parameters == p);
        CHECK(multiply_adds == m);
        CHECK(std::abs(static_cast<double>(p) / 1e6 - (i == 0 ? flow : factorised)[0]) <= 0.0051);
        break;
      }
      parameters += p;
      multiply_adds += m;
      ++rows;
    }
    CHECK(rows >= 2);
  }
}

TEST_CASE("help is no error") {
  for (const auto& done :
       run_all({super_resolution_command({"--help"}), super_resolution_command({"train", "--help"})})) {
    CHECK(done.status == 0);
    CHECK(done.err.empty());
    CHECK(contains(done.out, "train"));
    CHECK(contains(done.out, "--help"));
  }
}

TEST_CASE(
    "--precision auto tries both and says which is faster; the model is an average unless --average is 0") {
  const TemporaryFolder folder;
  const auto train = [&](const std::string& name, const Arguments& more) {
    Arguments all{"--steps", "60"};
    all.insert(all.end(), more.begin(), more.end());
    return run(training(trained().photographs, folder / name, all));
  };
  const auto tried = train("auto", {"--precision", "auto"});
  REQUIRE_MESSAGE(tried.status == 0, tried.err);
  CHECK(contains(tried.out, "networks in bfloat16: a step takes") !=
        contains(tried.out, "networks in float32: a step takes"));
  CHECK(train("none", {"--precision", "half"}).status == 2);

  REQUIRE(train("average", {"--average", "0.99"}).status == 0);
  REQUIRE(train("plain", {"--average", "0"}).status == 0);
  const auto average = checkpoint_in(folder / "average"), plain = checkpoint_in(folder / "plain");
  const std::string weight = "extractor.first.weight", beside = "adam:parameter:" + weight;
  const auto numbers = [](const cnf::io::Safetensors& file, const std::string& name) {
    return cnf::io::decode_tensor(file.tensors.at(name), name);
  };
  CHECK(numbers(average, beside) == numbers(plain, beside));
  CHECK(numbers(average, weight) != numbers(average, beside));
  CHECK(numbers(plain, weight) == numbers(plain, beside));
}

TEST_CASE("given low resolutions are used: LR_x2 beside HR, or --low") {
  const TemporaryFolder folder;
  for (int number = 1; number <= 3; ++number) {
    const auto high = photograph(48, 40, number);
    const auto name = std::to_string(number);
    fs::create_directories(folder / "set" / "HR");
    fs::create_directories(folder / "set" / "LR_x2");
    support::write_image(folder / "set" / "HR" / (name + ".png"), high);
    support::write_image(folder / "set" / "LR_x2" / (name + "x2.png"), super_resolution::imresize(high, 0.5));
  }
  const auto evaluate = [&](const fs::path& data, const std::string& json, const Arguments& more = {}) {
    Arguments all{"--crops", "2", "--temperatures", "0", "--json", folder / json};
    all.insert(all.end(), more.begin(), more.end());
    const auto done = run(evaluation(trained().cnf, data, all));
    CHECK_MESSAGE(done.status == 0, done.err);
    return nlohmann::json::parse(content(folder / json));
  };
  const auto both = evaluate(folder / "set", "both.json"),
             high = evaluate(folder / "set" / "HR", "high.json");
  CHECK(both["images"] == 3);
  CHECK(both["psnr_y"] == high["psnr_y"]);  // they are what imresize makes

  // others give other numbers; of a wrong size, or missing, they are named
  fs::create_directories(folder / "grey");
  for (int number = 1; number <= 3; ++number)
    support::write_image(folder / "grey" / (std::to_string(number) + ".png"),
                         support::Image{24, 20, std::vector<std::uint8_t>(24 * 20 * 3, 128)});
  CHECK(evaluate(folder / "set" / "HR", "grey.json", {"--low", folder / "grey"})["psnr_y"] != high["psnr_y"]);
  support::write_image(folder / "grey" / "2.png", photograph(24, 21, 1));
  auto done = run(evaluation(trained().cnf, folder / "set" / "HR", {"--low", folder / "grey"}));
  CHECK(done.status == 2);
  CHECK(contains(done.err, (folder / "grey" / "2.png").string()));
  CHECK(contains(done.err, "20x24, got 21x24"));
  fs::remove(folder / "grey" / "2.png");
  done = run(evaluation(trained().cnf, folder / "set" / "HR", {"--low", folder / "grey"}));
  CHECK(done.status == 2);
  CHECK(contains(done.err, "no low resolution of " + (folder / "set" / "HR" / "2.png").string()));
}

TEST_CASE("--consistent: brought down again, the enlargement is its photograph") {
  const TemporaryFolder folder;
  const auto input = folder / "in.png";
  support::write_image(input, photograph(24, 20, 1));
  const auto low = support::read_image(input);
  const auto done =
      run(sampling(trained().cnf, input, folder / "out.png", {"--temperature", "1", "--consistent"}));
  REQUIRE_MESSAGE(done.status == 0, done.err);
  CHECK(contains(done.out, "brought down again it is the photograph with a PSNR of "));
  const auto result = support::read_image(folder / "out.png");
  CHECK(largest_difference(super_resolution::imresize(result, 0.5), low) <= 4);
  CHECK(super_resolution::consistency(result, low) > 48);

  // far beyond the model's own spread it is not: that is said
  const auto plain = run(sampling(trained().cnf, input, folder / "plain.png", {"--temperature", "20"}));
  CHECK(super_resolution::consistency(support::read_image(folder / "plain.png"), low) < 35);
  CHECK(contains(plain.out, "see --consistent"));
}
