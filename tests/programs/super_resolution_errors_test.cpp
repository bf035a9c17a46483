// Bad input, a full disk and numbers that are not finite: one clear line, exit status 2, nothing
// half-written.
#include "programs/super_resolution.hpp"

#include <chrono>
#include <limits>
#include <nlohmann/json.hpp>
#include <thread>

#include "cnf/io/safetensors.hpp"
#include "support/doctest.hpp"

namespace fs = std::filesystem;

namespace {

/// A command line that must be refused, and what its one line of error must name.
struct Refusal {
  Arguments arguments;
  std::vector<std::string> named;
};

void check_error(const Finished& done, const std::vector<std::string>& named) {
  CAPTURE(done.err);
  CHECK(done.status == 2);
  CHECK(done.err.starts_with("super_resolution: "));
  CHECK(std::count(done.err.begin(), done.err.end(), '\n') == 1);
  CHECK(done.err.ends_with('\n'));
  for (const auto& name : named) {
    CAPTURE(name);
    CHECK(contains(done.err, name));
  }
}

/// Runs all and checks that every file in the folder is as it was, and that there is no new one.
void check_refused(const std::vector<Refusal>& refusals, const fs::path& folder,
                   const RunOptions& options = {}) {
  const auto before = files_in(folder);
  std::vector<Arguments> command_lines;
  for (const auto& refusal : refusals) command_lines.push_back(refusal.arguments);
  const auto done = run_all(command_lines, options);
  for (std::size_t i = 0; i < refusals.size(); ++i) {
    std::string line;
    for (const auto& argument : refusals[i].arguments) line += argument + " ";
    CAPTURE(line);
    check_error(done[i], refusals[i].named);
  }
  const auto after = files_in(folder);
  for (const auto& [name, text] : after) {
    CAPTURE(name);
    CHECK(before.contains(name));
    CHECK((!before.contains(name) || before.at(name) == text));
  }
  CHECK(after.size() == before.size());
}

/// A folder with one image file of these bytes.
fs::path folder_with(const fs::path& folder, const std::string& name, const std::string& bytes) {
  fs::create_directories(folder);
  write_text(folder / name, bytes);
  return folder;
}

fs::path folder_with(const fs::path& folder, const std::string& name, const support::Image& image) {
  fs::create_directories(folder);
  support::write_image(folder / name, image);
  return folder;
}

/// A copy of the trained model's folder, to be damaged or gone on with.
fs::path copy_of_training(const fs::path& folder) {
  fs::create_directories(folder);
  fs::copy_file(trained().cnf, folder / "model.safetensors");
  return folder;
}

/// A file of the first half of another one's bytes.
void halve(const fs::path& from, const fs::path& to) {
  const auto whole = content(from);
  write_text(to, whole.substr(0, whole.size() / 2));
}

/// The names of the checkpoint's parameters that end so, sorted.
std::vector<std::string> tensors_ending(const std::string& end) {
  static const auto tensors = cnf::io::read_safetensors(trained().cnf).tensors;
  std::vector<std::string> names;
  for (const auto& [name, tensor] : tensors)
    if (name.ends_with(end) && !contains(name, ":")) names.push_back(name);
  REQUIRE(!names.empty());
  return names;
}

/// Overwrites the first number of a tensor in a checkpoint of floats: of the model, which is an average, and of the weights
/// beside it.
void poison(const fs::path& checkpoint, const std::string& tensor, float value) {
  auto file = cnf::io::read_safetensors(checkpoint);
  for (const auto& name : {tensor, "adam:parameter:" + tensor}) {
    REQUIRE(file.tensors.contains(name));
    const auto bytes = std::as_bytes(std::span(&value, 1));
    std::copy(bytes.begin(), bytes.end(), file.tensors[name].data.begin());
  }
  cnf::io::write_safetensors(checkpoint, file);
}

}  // namespace

TEST_CASE("command lines that say something wrong are answered with what was wrong") {
  const TemporaryFolder folder;
  const auto& data = trained().photographs;
  const auto out = folder / "out";
  const auto train = [&](const Arguments& more) {
    Arguments all{"train", "--data", data, "--out", out};
    all.insert(all.end(), more.begin(), more.end());
    return super_resolution_command(all);
  };
  const auto sample = [&](const Arguments& more) {
    return sampling(trained().cnf, data / "1.png", folder / "out.png", more);
  };
  check_refused({{super_resolution_command({}), {"subcommand", "--help"}},
                 {super_resolution_command({"trian"}), {"trian"}},
                 {super_resolution_command({"train", "--out", out}), {"--data"}},
                 {super_resolution_command({"train", "--data", data}), {"--out"}},
                 {train({"--stpes", "3"}), {"--stpes"}},
                 {train({"--config", "huge"}), {"--config", "huge", "small", "base", "paper"}},
                 {train({"--model", "vae"}), {"--model", "vae", "cnf", "factorised"}},
                 {train({"--steps", "-3"}), {"--steps", "above 0", "-3"}},
                 {train({"--steps", "many"}), {"--steps", "many"}},
                 {train({"--steps", "2.5"}), {"--steps", "2.5"}},
                 {train({"--batch", "0"}), {"--batch", "above 0", "0"}},
                 {train({"--patch", "-8"}), {"--patch", "-8"}},
                 {train({"--patch", "10"}), {"--patch", "divisible by 4", "10"}},
                 {train({"--lr", "nan"}), {"--lr", "nan"}},
                 {train({"--time-limit", "-1"}), {"--time-limit", "-1"}},
                 {train({"--held-out", "2"}), {"--held-out", "2"}},
                 {train({"--seed", "-1"}), {"--seed", "-1"}},
                 {train({"--threads", "0"}), {"--threads", "0"}},
                 {train({"--device", "abacus"}), {"--device", "abacus", "cpu", "cuda"}},
                 {sample({"--temperature", "-1"}), {"--temperature", "-1"}},
                 {sample({"--count", "0"}), {"--count", "0"}},
                 {super_resolution_command(
                      {"evaluate", "--checkpoint", trained().cnf, "--data", data, "--temperatures", "0,hot"}),
                  {"--temperatures", "hot"}},
                 {super_resolution_command({"describe", "--config", "tiny"}), {"--config", "tiny"}}},
                folder.path());
}

TEST_CASE("a device that is not there") {
  const TemporaryFolder folder;
  check_refused(
      {{training(trained().photographs, folder / "out", {"--device", "cuda"}), {"cuda"}},
       {sampling(trained().cnf, trained().photographs / "1.png", folder / "out.png", {"--device", "cuda"}),
        {"cuda"}}},
      folder.path(), {.environment = {{"CUDA_VISIBLE_DEVICES", ""}}});
}

TEST_CASE("images that cannot be used are named") {
  const TemporaryFolder folder;
  support::write_image(folder / "good.jpg", photograph(64, 64, 1));
  halve(folder / "good.jpg", folder / "half.jpg");
  support::write_image(folder / "good.png", photograph(64, 64, 1));
  halve(folder / "good.png", folder / "half.png");
  support::write_image(folder / "pixel.png", photograph(1, 1, 1));
  support::write_image(folder / "row.png", photograph(1, 16, 1));
  support::write_image(folder / "column.png", photograph(16, 1, 1));
  write_text(folder / "garbage.png", "This is not a picture.\nNot even half a picture.\n");
  fs::create_directory(folder / "empty");
  const auto garbage = folder_with(folder / "with-garbage", "bad.png", content(folder / "garbage.png"));
  support::write_image(garbage / "good.png", photograph(64, 64, 1));
  const auto half = folder_with(folder / "with-half", "half.jpg", content(folder / "half.jpg"));
  const auto pixel = folder_with(folder / "with-pixel", "pixel.png", photograph(1, 1, 1));
  const auto narrow = folder_with(folder / "with-narrow", "narrow.png", photograph(64, 7, 1));

  // two run at a time: each into a folder of its own
  const auto train = [&](const fs::path& data) {
    return training(data, folder / ("out-" + data.filename().string()), {"--steps", "2"});
  };
  const auto evaluate = [&](const fs::path& data) {
    return super_resolution_command({"evaluate", "--checkpoint", trained().cnf, "--data", data, "--json",
                                     folder / "out.json", "--pictures", folder / "pictures", "--crops", "1",
                                     "--threads", "1"});
  };
  const auto check_bicubic = [&](const fs::path& data) {
    return super_resolution_command({"bicubic-check", "--data", data});
  };
  const auto sample = [&](const std::string& input) {
    return sampling(trained().cnf, folder / input, folder / "out.png");
  };
  check_refused(
      {{train(folder / "missing"), {"no such folder", (folder / "missing").string()}},
       {train(folder / "empty"),
        {"no PNG, JPEG, BMP, TIFF, GIF, PPM, PGM or WebP", (folder / "empty").string()}},
       {train(folder / "good.png"), {"not a folder", (folder / "good.png").string()}},
       {train(garbage), {(garbage / "bad.png").string()}},
       {train(half), {(half / "half.jpg").string(), "truncated"}},
       {train(pixel), {(pixel / "pixel.png").string(), "1x1", "8x8"}},
       {train(narrow), {(narrow / "narrow.png").string(), "64x7", "8x8"}},
       {training(trained().photographs, folder / "out-a", {"--validation", garbage, "--steps", "2"}),
        {(garbage / "bad.png").string()}},
       {training(trained().photographs, folder / "out-b", {"--validation", folder / "missing"}),
        {"no such folder", (folder / "missing").string()}},
       {evaluate(folder / "empty"), {(folder / "empty").string()}},
       {evaluate(garbage), {(garbage / "bad.png").string()}},
       {evaluate(pixel), {(pixel / "pixel.png").string(), "1x1", "15x15"}},
       {check_bicubic(folder / "missing"), {(folder / "missing").string()}},
       {check_bicubic(half), {(half / "half.jpg").string()}},
       {sample("missing.png"), {(folder / "missing.png").string(), "no such file"}},
       {sample("empty"), {(folder / "empty").string()}},
       {sample("garbage.png"), {(folder / "garbage.png").string()}},
       {sample("half.png"), {(folder / "half.png").string(), "truncated"}},
       {sample("half.jpg"), {(folder / "half.jpg").string(), "truncated"}},
       {sample("pixel.png"), {(folder / "pixel.png").string(), "2x2", "1x1"}},
       {sample("row.png"), {(folder / "row.png").string(), "2x2", "1x16"}},
       {sample("column.png"), {(folder / "column.png").string(), "2x2", "16x1"}}},
      folder.path());
}

TEST_CASE("checkpoints that cannot be used are named, with what is wrong") {
  const TemporaryFolder folder;
  const auto good = cnf::io::read_safetensors(trained().cnf);
  const auto write = [&](const std::string& name, const cnf::io::Safetensors& file) {
    fs::create_directory(folder / name);
    cnf::io::write_safetensors(folder / name / "model.safetensors", file);
  };
  const auto tensor = tensors_ending(".net.conv2.weight").back();
  fs::create_directory(folder / "half");
  halve(trained().cnf, folder / "half" / "model.safetensors");
  folder_with(folder / "text", "model.safetensors", "To be a checkpoint, or not to be one.\n");
  write("foreign", {.metadata = {{"format", "pt"}},
                    .tensors = {{"conv.weight", {cnf::DType::f32, {1}, std::vector<std::byte>(4)}}}});
  auto file = good;
  file.metadata["architecture"] = "ConditionalFlow<of another program>";
  write("other", file);
  file = good;
  file.tensors.erase(tensor);
  write("incomplete", file);
  file = good;
  file.tensors[tensor].shape = {64, 8, 8};
  write("reshaped", file);
  file = good;
  file.tensors["flow.9.bias"] = file.tensors[tensor];
  write("larger", file);
  // loads, but cannot be gone on with
  file = good;
  std::erase_if(file.tensors, [](const auto& entry) { return entry.first.starts_with("adam:"); });
  write("no-optimiser", file);
  file = good;
  file.metadata.erase("adam_step");
  write("no-adam-step", file);
  file = good;
  file.metadata["step"] = "twenty";
  write("no-number", file);

  const auto file_in = [&](const std::string& name) {
    return (folder / name / "model.safetensors").string();
  };
  const auto sample = [&](const std::string& name) {
    return sampling(file_in(name), trained().photographs / "1.png", folder / "out.png");
  };
  const auto evaluate = [&](const std::string& checkpoint, const std::string& baseline) {
    return super_resolution_command({"evaluate", "--checkpoint", checkpoint, "--baseline", baseline, "--data",
                                     trained().photographs, "--json", folder / "out.json"});
  };
  const auto resume = [&](const std::string& name, const Arguments& more = {}) {
    auto arguments = training(trained().photographs, folder / name, {"--resume", "--steps", "30"});
    arguments.insert(arguments.end(), more.begin(), more.end());
    return arguments;
  };
  check_refused(
      {{sample("missing"), {file_in("missing"), "No such file"}},
       {sample("half"), {file_in("half"), "truncated"}},
       {sample("text"), {file_in("text"), "not a safetensors file"}},
       {sample("foreign"), {file_in("foreign"), "without an architecture"}},
       {sample("other"), {file_in("other"), "ConditionalFlow<of another program>"}},
       {sample("incomplete"), {file_in("incomplete"), tensor}},
       {sample("reshaped"), {file_in("reshaped"), tensor, "[64,64,1,1]", "[64,8,8]"}},
       {sample("larger"), {file_in("larger"), "flow.9.bias"}},
       {evaluate(file_in("missing"), trained().factorised), {file_in("missing")}},
       {evaluate(trained().cnf, file_in("half")), {file_in("half"), "truncated"}},
       {resume("half"), {file_in("half"), "truncated"}},
       {resume("text"), {file_in("text"), "not a safetensors file"}},
       {resume("other"), {file_in("other"), "ConditionalFlow<3xHxW", "ConditionalFlow<of another program>"}},
       {resume("reshaped", {"--model", "factorised"}),
        {file_in("reshaped"), "FactorisedLogistic<", "ConditionalFlow<"}},
       {resume("no-optimiser"), {"optimiser", "extractor."}},
       {resume("no-adam-step"), {"adam_step"}},
       {resume("no-number"), {"step", "twenty"}}},
      folder.path());
}

TEST_CASE("a folder for the training that is not as it should be is left as it is") {
  const TemporaryFolder folder;
  copy_of_training(folder / "done");
  write_text(folder / "done" / "log.jsonl", "{}\n");
  write_text(folder / "file", "text");
  const auto train = [&](const fs::path& out, const Arguments& more = {}) {
    return training(trained().photographs, out, more);
  };
  const auto checkpoint = [&](const std::string& name) {
    return (folder / name / "model.safetensors").string();
  };
  check_refused({{train(folder / "done"), {checkpoint("done"), "--resume"}},
                 {train(folder / "new", {"--resume"}), {checkpoint("new"), "resume"}},
                 {train(folder / "file"), {(folder / "file").string()}},
                 {train(folder / "file" / "below"), {(folder / "file").string()}}},
                folder.path());
}

TEST_CASE("an output that cannot be written is named") {
  const TemporaryFolder folder;
  const auto input = folder / "in.png";
  support::write_image(input, photograph(15, 15, 1));
  write_text(folder / "file", "text");
  fs::create_directory(folder / "taken.png");
  const auto sample = [&](const fs::path& output) { return sampling(trained().cnf, input, output); };
  const auto evaluate = [&](const std::string& option, const fs::path& output) {
    return evaluation(trained().cnf, folder.path(), {"--crops", "1", "--temperatures", "0", option, output});
  };
  check_refused(
      {{sample(folder / "out.xyz"), {(folder / "out.xyz").string(), ".png"}},
       {sample(folder / "out"), {(folder / "out").string(), ".png"}},
       {sample(folder / "missing" / "out.png"), {(folder / "missing" / "out.png").string()}},
       {sample(folder / "taken.png"), {(folder / "taken.png").string()}},
       {evaluate("--json", folder / "missing" / "out.json"), {(folder / "missing" / "out.json").string()}},
       {evaluate("--pictures", folder / "file"), {(folder / "file").string()}}},
      folder.path());
}

TEST_CASE("a full disk: the earlier files stay, and no part of a new one") {
  const TemporaryFolder folder;
  const auto out = copy_of_training(folder / "resumed");
  support::write_image(folder / "in.png", photograph(32, 32, 1));
  support::write_image(folder / "out.png", photograph(20, 20, 2));
  const auto evaluate = [&](const std::string& option, const fs::path& output) {
    return evaluation(trained().cnf, folder.path(), {"--crops", "1", "--temperatures", "0", option, output});
  };
  // the log fits, checkpoints don't
  const auto before = content(out / "model.safetensors");
  auto done =
      run(training(trained().photographs, out, {"--steps", "22", "--resume"}), {.largest_file = 1 << 20});
  check_error(done, {(out / "model.safetensors").string(), "File too large"});
  CHECK(content(out / "model.safetensors") == before);
  done = run(training(trained().photographs, folder / "new", {"--steps", "2"}), {.largest_file = 1 << 20});
  check_error(done, {(folder / "new" / "model.safetensors").string(), "File too large"});
  for (const auto& name : {"resumed", "new"}) {
    auto files = files_in(folder / name);
    files.erase("log.jsonl");
    CHECK(files.size() == (name == std::string("new") ? 0 : 1));
  }

  done = run(training(trained().photographs, folder / "log", {"--steps", "2"}), {.largest_file = 50});
  check_error(done, {(folder / "log" / "log.jsonl").string()});
  auto files = files_in(folder / "log");
  files.erase("log.jsonl");
  CHECK(files.empty());

  check_refused(
      {{sampling(trained().cnf, folder / "in.png", folder / "out.png"), {(folder / "out.png").string()}},
       {sampling(trained().cnf, folder / "in.png", folder / "second.png", {"--count", "2"}),
        {(folder / "second-1.png").string()}},
       {evaluate("--json", folder / "numbers.json"), {(folder / "numbers.json").string()}},
       {evaluate("--pictures", folder / "pictures"), {(folder / "pictures" / "samples.png").string()}}},
      folder.path(), {.largest_file = 100});
}

TEST_CASE("a checkpoint whose numbers are not finite is refused, and stays") {
  const TemporaryFolder folder;
  const float infinity = std::numeric_limits<float>::infinity();
  const float not_a_number = std::numeric_limits<float>::quiet_NaN();
  const std::vector<std::pair<std::string, float>> poisons{
      {tensors_ending(".net.conv1.weight").front(), infinity},
      {tensors_ending(".net.conv3.bias").back(), not_a_number},
      {tensors_ending("trunk.bias").front(), infinity}};
  std::vector<Refusal> refusals;
  for (std::size_t i = 0; i < poisons.size(); ++i) {
    const auto out = copy_of_training(folder / std::to_string(i));
    write_text(out / "log.jsonl", "");
    poison(out / "model.safetensors", poisons[i].first, poisons[i].second);
    const std::vector<std::string> parts{(out / "model.safetensors").string(), "expected finite numbers",
                                         poisons[i].first};
    refusals.push_back({training(trained().photographs, out, {"--resume", "--steps", "30"}), parts});
    refusals.push_back(
        {sampling(out / "model.safetensors", trained().photographs / "1.png", folder / "out.png"), parts});
  }
  check_refused(refusals, folder.path());
}

TEST_CASE("a training that blows up by itself stops, names a layer, and leaves no checkpoint") {
  const TemporaryFolder folder;
  const auto done = run(training(trained().photographs, folder / "out", {"--steps", "30", "--lr", "1e30"}));
  check_error(done, {"not finite; it began in "});
  CHECK((contains(done.err, "began in flow.") || contains(done.err, "began in extractor")));
  const auto files = files_in(folder / "out");
  CHECK(files.size() == 1);
  CHECK(files.contains("log.jsonl"));
}

TEST_CASE("outputs are checked before the first image is read") {
  const TemporaryFolder folder;
  const auto& data = trained().photographs;
  const auto evaluate = [&](const std::string& option, const fs::path& output) {
    return evaluation(trained().cnf, data, {option, output});
  };
  const auto done = run_all({evaluate("--json", folder / "none" / "a.json"),
                             evaluate("--pictures", data / "1.png" / "pictures"),
                             sampling(trained().cnf, data / "1.png", folder / "a.gif")});
  for (const auto& d : done) {
    CHECK(d.status == 2);
    CHECK(d.out.empty());
  }
}

TEST_CASE("all bad images are named at once, or left out") {
  const TemporaryFolder folder;
  fs::copy(trained().photographs, folder / "data", fs::copy_options::recursive);
  write_text(folder / "data" / "broken.png", "no image");
  support::write_image(folder / "data" / "tiny.png", photograph(2, 2, 1));
  const auto evaluate = [&](const Arguments& more) {
    Arguments all{"--crops", "1", "--temperatures", "0"};
    all.insert(all.end(), more.begin(), more.end());
    return evaluation(trained().cnf, folder / "data", all);
  };
  const auto refused = run(evaluate({}));
  check_error(refused, {"broken.png", "tiny.png", "--skip-bad"});
  const auto skipped = run(evaluate({"--skip-bad"}));
  CHECK(skipped.status == 0);
  CHECK(contains(skipped.out, "left out: 2 of "));
  CHECK(contains(skipped.out, "broken.png"));
  const auto train = run(training(folder / "data", folder / "out", {"--steps", "1"}));
  check_error(train, {"broken.png", "tiny.png"});
  CHECK(run(training(folder / "data", folder / "out", {"--steps", "1", "--skip-bad"})).status == 0);

  Arguments sample{"sample",
                   "--checkpoint",
                   trained().cnf,
                   "--threads",
                   "1",
                   "--input",
                   folder / "data" / "1.png",
                   folder / "data" / "broken.png",
                   folder / "data" / "no.png"};
  check_error(run(super_resolution_command(sample)), {"2 of 3 images", "broken.png", "no.png", "--skip-bad"});
  CHECK_FALSE(fs::exists(folder / "data" / "1-2x.png"));
  sample.push_back("--skip-bad");
  CHECK(run(super_resolution_command(sample)).status == 0);
  CHECK(fs::exists(folder / "data" / "1-2x.png"));
}

TEST_CASE("two trainings into one folder: the second is refused, naming the first's process") {
  const TemporaryFolder folder;
  Process first(training(trained().photographs, folder / "out", {"--steps", "100000"}));
  const auto has_begun = [&] {
    return fs::exists(folder / "out" / "log.jsonl") && !content(folder / "out" / "log.jsonl").empty();
  };
  for (int tries = 0; tries < 1200 && !has_begun(); ++tries)
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  REQUIRE(has_begun());
  const auto second = run(training(trained().photographs, folder / "out", {"--steps", "2"}));
  check_error(second, {(folder / "out").string() + " is in use by process "});
  first.interrupt();
  CHECK(first.wait().status == 130);
  CHECK(files_in(folder / "out").size() == 2);  // checkpoint and log
}

TEST_CASE("a training that is finished is not resumed") {
  const TemporaryFolder folder;
  const auto out = copy_of_training(folder / "out");
  const auto before = content(out / "model.safetensors");
  const auto done = run(training(trained().photographs, out, {"--resume", "--steps", "20"}));
  CHECK(done.status == 0);
  CHECK(contains(done.out, "nothing left to do: 20 steps of 20 are taken"));
  CHECK(content(out / "model.safetensors") == before);
}

TEST_CASE("numbers that nobody can mean are answered with what was expected") {
  const TemporaryFolder folder;
  const auto sample = [&](const Arguments& more) {
    return sampling(trained().cnf, trained().photographs / "1.png", folder / "out.png", more);
  };
  check_refused(
      {{sample({"--temperature", "1e300"}), {"a temperature of 0 .. 100", "1e300"}},
       {sample({"--seed", "18446744073709551616"}), {"18446744073709551615", "18446744073709551616"}},
       {sample({"--seed", "-1"}), {"a whole number", "-1"}},
       {super_resolution_command({"evaluate", "--checkpoint", trained().cnf, "--data", trained().photographs,
                                  "--threads", "100000"}),
        {"threads, got 100000"}}},
      folder.path());
}

#ifndef __SANITIZE_ADDRESS__  // which needs more than any limit leaves
TEST_CASE("out of memory names the image and its size") {
  const TemporaryFolder folder;
  support::write_image(folder / "large.png",
                       support::Image{5000, 5000, std::vector<std::uint8_t>(75'000'000)});
  const auto done = run(sampling(trained().cnf, folder / "large.png", folder / "out.png"),
                        {.largest_memory = rlim_t{1} << 30});
  CHECK(done.status == 2);
  CHECK(contains(done.err, "large.png"));
  CHECK((contains(done.err, "out of memory for ") || contains(done.err, "not enough memory")));
  CHECK_FALSE(fs::exists(folder / "out.png"));
}
#endif
