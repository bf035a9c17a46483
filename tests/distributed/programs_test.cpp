// The programs as several processes, started by hand, by torchrun and by mpirun.
#include <filesystem>
#include <set>
#include <thread>

#include "cnf/io/safetensors.hpp"
#include "programs/super_resolution.hpp"
#include "programs/vessel_segmentation.hpp"
#include "support/doctest.hpp"
#include "support/group.hpp"

namespace {

double last_loss(const std::filesystem::path& folder) {
  double loss = 0;
  for (const auto& line : log_of(folder))
    if (line.contains("bpd")) loss = line.at("bpd");
  return loss;
}

/// Those who train into this folder.
std::set<pid_t> processes_of(const std::filesystem::path& folder) {
  std::set<pid_t> all;
  for (const auto& entry : std::filesystem::directory_iterator("/proc")) {
    const auto command = content(entry.path() / "cmdline");
    if (command.starts_with(CNF_BIN_DIR) && contains(command, folder.string()))
      all.insert(std::stoi(entry.path().filename()));
  }
  return all;
}

/// Without the new interfaces of later versions; the last four options are what the torchrun of Debian 12 needs with its
/// Python 3.11.
Arguments torchrun(const Arguments& program, const Arguments& more = {}) {
  Arguments all{CNF_TORCHRUN,
                "--no_python",
                "--nproc_per_node=2",
                "--master_port=" + std::to_string(free_port()),
                "-r",
                "9:1",
                "-t",
                "9:1"};
  all.insert(all.end(), more.begin(), more.end());
  all.insert(all.end(), program.begin(), program.end());
  return all;
}

bool is_missing(const std::string& launcher, const char* name) {
  if (launcher.empty()) MESSAGE("skipped: no ", name, " here");
  return launcher.empty();
}

}  // namespace

TEST_CASE("two processes train as one does, and evaluate to the same numbers") {
  const auto& t = trained();
  const TemporaryFolder folder;
  const Arguments options{"--steps", "12", "--lr", "1e-4"};
  REQUIRE(run(training(t.photographs, folder / "one", options)).status == 0);
  const auto two = Group(2, training(t.photographs, folder / "two", options)).wait();
  for (const auto& done : two) {
    CHECK(done.status == 0);
    CHECK(done.err == "");
  }
  CHECK(contains(two[0].out, "2 processes\n"));
  CHECK(two[1].out == "");
  CHECK(last_loss(folder / "two") == doctest::Approx(last_loss(folder / "one")).epsilon(1e-3));

  const auto evaluated = [&](const std::string& name, const Arguments& program, std::size_t count) {
    auto arguments = program;
    arguments.insert(arguments.end(), {"--json", (folder / name).string()});
    for (const auto& done : Group(count, arguments).wait()) CHECK(done.err == "");
    return nlohmann::json::parse(content(folder / name));
  };
  const auto sr = evaluation(t.cnf, t.photographs, {"--crops", "25"});
  CHECK(evaluated("sr1", sr, 1) == evaluated("sr3", sr, 3));
  const auto& v = trained_vessels();
  const auto vessels = vessel_evaluation(v.cnf, v.data, {"--baseline", v.bernoulli});
  CHECK(evaluated("v1", vessels, 1) == evaluated("v2", vessels, 2));

  // pictures, too
  auto pictured = evaluation(t.cnf, t.photographs, {"--crops", "5"});
  const auto picture = [&](const std::string& name, std::size_t count) {
    auto arguments = pictured;
    arguments.insert(arguments.end(), {"--pictures", (folder / name).string()});
    for (const auto& done : Group(count, arguments).wait()) CHECK(done.status == 0);
    return content(folder / name / "samples.png");
  };
  CHECK(picture("p1", 1) == picture("p2", 2));
}

TEST_CASE("processes with other options or other data are refused, and leave nothing") {
  const auto& t = trained();
  const TemporaryFolder folder;
  const auto refused = [&](const Arguments& second) {
    const auto done = Group({training(t.photographs, folder / "out"), second}).wait();
    std::string text;
    for (const auto& d : done) {
      CHECK(d.status == 2);
      text += d.err;
    }
    CHECK(std::count(text.begin(), text.end(), '\n') == 1);
    CHECK_FALSE(std::filesystem::exists(folder / "out" / "model.safetensors"));
    return text;
  };
  CHECK(contains(refused(training(t.photographs, folder / "out", {"--lr", "0.5"})),
                 "expected process 1 to have the --lr of process 0, 0.001, got 0.5\n"));
  // another build of it
  std::filesystem::copy(CNF_BIN_DIR "/super_resolution", folder / "other");
  std::ofstream(folder / "other", std::ios::app) << "changed";
  auto other = training(t.photographs, folder / "out");
  other[0] = folder / "other";
  CHECK(contains(refused(other), "expected process 1 to have the program of process 0, "));
  // the same path with other files in it, as on another machine
  std::filesystem::create_directories(folder / "a");
  std::filesystem::create_directories(folder / "b");
  for (const auto* name : {"0.png", "2.png", "4.png"}) {
    std::filesystem::copy(t.photographs / "more" / name, folder / "a" / name);
    std::filesystem::copy(t.photographs / "more" / "0.png", folder / "b" / name);
  }
  const auto one = [&](const char* data) {
    return Arguments{"/bin/bash", "-c",
                     "cd '" + (folder / data).string() +
                         "' && exec " CNF_BIN_DIR "/super_resolution train --data . --threads 1 --out '" +
                         (folder / "out").string() + "'"};
  };
  std::string text;
  for (const auto& d : Group({one("a"), one("b")}).wait()) text += d.err;
  CHECK(contains(text, "expected process 1 to have the data of process 0, 2 files with the sum "));
  CHECK_FALSE(std::filesystem::exists(folder / "out" / "model.safetensors"));
  // the first process's own refusal is everybody's
  text.clear();
  const auto done = trained().cnf.parent_path();
  for (const auto& d : Group(2, training(t.photographs, done)).wait()) {
    CHECK(d.status == 2);
    text += d.err;
  }
  CHECK(text == "super_resolution: " + t.cnf.string() +
                    " exists: give --resume to go on with it, or another --out\n");
}

TEST_CASE(
    "torchrun: two processes, and a killed one costs no more than what came after the last checkpoint") {
  if (is_missing(CNF_TORCHRUN, "torchrun")) return;
  const auto& t = trained();
  const TemporaryFolder folder;
  const auto once = run(torchrun(training(t.photographs, folder / "once", {"--steps", "5"})));
  CHECK(once.status == 0);
  CHECK(contains(once.out, "2 processes\n"));
  CHECK(contains(once.out, "done at step 5"));

  const auto out = folder / "again";
  Process again(torchrun(training(t.photographs, out, {"--steps", "600", "--checkpoint-minutes", "0.005"}),
                         {"--max_restarts=1", "--monitor_interval=1"}));
  const auto logged = [&] {
    long step = 0;
    for (const auto& line : log_of(out))
      if (line.contains("bpd")) step = line.at("step");
    return step;
  };
  while ((logged() < 100 || !std::filesystem::exists(out / "model.safetensors")) && !again.ended())
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  const auto saved = std::stol(cnf::io::read_safetensors_metadata(out / "model.safetensors").at("step"));
  const auto workers = processes_of(out);
  REQUIRE(workers.size() == 2);
  ::kill(*workers.rbegin(), SIGKILL);
  const auto done = again.wait();
  CHECK(done.status == 0);
  CHECK(contains(done.out, "done at step 600"));
  CHECK(contains(done.err, "was killed, or crashed"));
  // the log goes on where a checkpoint was, not from the beginning
  long before = 0, back_to = -1;
  for (const auto& line : log_of(out))
    if (line.contains("bpd")) {
      const long step = line.at("step");
      if (step <= before) back_to = step;
      before = step;
    }
  CHECK(before == 600);
  CHECK(saved > 20);
  CHECK((back_to == -1 || back_to > saved));
}

TEST_CASE("mpirun") {
  if (is_missing(CNF_MPIRUN, "mpirun")) return;
  const auto& t = trained();
  const TemporaryFolder folder;
  Arguments all{CNF_MPIRUN, "--oversubscribe", "-n", "2"};
  const auto program = training(t.photographs, folder / "out", {"--steps", "5"});
  all.insert(all.end(), program.begin(), program.end());
  const auto done =
      run(all, {.environment = {{"OMPI_ALLOW_RUN_AS_ROOT", "1"}, {"OMPI_ALLOW_RUN_AS_ROOT_CONFIRM", "1"}}});
  CHECK(done.status == 0);
  CHECK(contains(done.out, "2 processes"));
  CHECK(contains(done.out, "done at step 5"));
}
