#include "cnf/backend/libtorch/distributed/connected.hpp"

#include "cnf/io/checkpoint.hpp"
#include "support/doctest.hpp"
#include "support/files.hpp"
#include "support/group.hpp"
#include "support/temporary_folder.hpp"

namespace {

Arguments replica(const std::filesystem::path& folder, const std::vector<std::string>& options) {
  Arguments all{CNF_REPLICA, folder.string()};
  all.insert(all.end(), options.begin(), options.end());
  return all;
}

std::vector<double> losses(const std::filesystem::path& folder) {
  std::vector<double> all;
  std::ifstream log(folder / "log.jsonl");
  for (std::string line; std::getline(log, line);) all.push_back(nlohmann::json::parse(line).at("bpd"));
  return all;
}

/// Waits until the training into this folder has taken a step.
void has_begun(const std::filesystem::path& folder, Group& group) {
  while (content(folder / "log.jsonl").empty() && !group[0].ended())
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
}

/// What was said on stderr, by whomever; each process ended with `status`, but `killed`.
std::string said(const std::vector<Finished>& all, int status, std::size_t killed = 99) {
  std::string text;
  for (std::size_t r = 0; r < all.size(); ++r) {
    if (r != killed) CHECK(all[r].status == status);
    text += all[r].err;
  }
  return text;
}

}  // namespace

TEST_CASE("losses and weights do not depend on the number of processes") {
  struct Case {
    std::vector<std::string> options;
    double tolerance;
  };
  const TemporaryFolder folder;
  int number = 0;
  for (const auto& c : {Case{{}, 1e-10}, Case{{"batch=7", "micro=2"}, 1e-10},
                        Case{{"reversible", "average=0"}, 1e-10}, Case{{"float", "bfloat16"}, 1e-3}}) {
    CAPTURE(c.options);
    std::vector<std::filesystem::path> runs;
    for (const std::size_t count : {1U, 2U, 4U}) {
      runs.push_back(folder / (std::to_string(number++)));
      const auto done = Group(count, replica(runs.back(), c.options)).wait();
      CHECK(said(done, 0) == "");
      CHECK(losses(runs.back()).size() == 20);
    }
    const auto alone = losses(runs[0]);
    REQUIRE(alone.size() == 20);
    CHECK(alone.back() < alone.front() - 0.1);
    const auto weights = cnf::io::read_safetensors(runs[0] / "model.safetensors");
    for (std::size_t k = 1; k < runs.size(); ++k) {
      const auto together = losses(runs[k]);
      REQUIRE(together.size() == 20);
      for (std::size_t i = 0; i < 20; ++i)
        CHECK(together[i] == doctest::Approx(alone[i]).epsilon(c.tolerance));
      const auto others = cnf::io::read_safetensors(runs[k] / "model.safetensors");
      CHECK(others.tensors.size() == weights.tensors.size());
      if (c.tolerance > 1e-6) continue;
      for (const auto& [name, tensor] : weights.tensors) {
        const auto a = cnf::io::decode_tensor(tensor, name),
                   b = cnf::io::decode_tensor(others.tensors.at(name), name);
        for (std::size_t i = 0; i < a.size(); ++i) REQUIRE(b[i] == doctest::Approx(a[i]).epsilon(1e-7));
      }
    }
  }
}

TEST_CASE("a training goes on with another number of processes, and from the first one's parameters") {
  const TemporaryFolder folder;
  const auto alone = Group(1, replica(folder / "alone", {})).wait();
  // another seed in the second process: the first one's parameters are everybody's
  Group(2, replica(folder / "other", {"seed-of=1"})).wait();
  const auto expected = losses(folder / "alone"), got = losses(folder / "other");
  REQUIRE(got.size() == 20);
  CHECK(got.back() == doctest::Approx(expected.back()).epsilon(1e-10));

  Group first(3, replica(folder / "parts", {"slow=200"}));
  has_begun(folder / "parts", first);
  first[2].interrupt();
  CHECK(said(first.wait(), 130) == "");
  const auto before = losses(folder / "parts").size();
  CHECK(before < 20);
  CHECK(said(Group(2, replica(folder / "parts", {"resume"})).wait(), 0) == "");
  const auto parts = losses(folder / "parts");
  REQUIRE(parts.size() == 20);
  for (std::size_t i = 0; i < 20; ++i) CHECK(parts[i] == doctest::Approx(expected[i]).epsilon(1e-9));
}

TEST_CASE("a process that dies ends the others, with one sentence that names it") {
  const TemporaryFolder folder;
  for (const std::size_t victim : {0U, 1U, 2U}) {
    CAPTURE(victim);
    const auto run = folder / std::to_string(victim);
    Group group(3, replica(run, {"slow=30", "steps=2000", "checkpoint=0.001"}));
    while (!std::filesystem::exists(run / "model.safetensors") && !group[0].ended())
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    group[victim].kill();
    const auto done = group.wait();
    CHECK(done[victim].status == 137);
    const auto text = said(done, 2, victim);
    if (victim == 0) {
      CHECK(contains(text, ": process 0 no longer answers at 127.0.0.1:"));
    } else {
      CHECK(text.starts_with("replica: process " + std::to_string(victim) + " ("));
      CHECK(text.ends_with(" ended without a word: it was killed, or crashed\n"));
      CHECK(std::count(text.begin(), text.end(), '\n') == 1);
    }
    CHECK(files_in(run).size() <= 4);  // checkpoint, log, lock, and one that was being written
  }
}

TEST_CASE("what one process throws, or is too late for, ends all of them with one sentence") {
  const TemporaryFolder folder;
  const auto failed = [&](const std::string& name, std::vector<std::string> options,
                          const RunOptions& run = {}) {
    return said(Group(3, replica(folder / name, options), run).wait(), 2);
  };
  CHECK(failed("other", {"throw-at=3,2"}) ==
        "replica: process 2: expected a readable sample, got a broken one\n");
  CHECK(failed("first", {"throw-at=3,0"}) == "replica: expected a readable sample, got a broken one\n");
  CHECK(failed("late", {"sleep-at=3,1", "timeout=8"})
            .ends_with("expected an answer of process 1 within 8 s, got none\n"));
  // the sixth sample is the last process's of three, and the only one's of one
  const std::string nan = "step 4: the loss is not finite; it began in sample 5\n";
  CHECK(failed("nan", {"nan-at=4"}).ends_with(nan));
  CHECK(run(replica(folder / "alone", {"nan-at=4"})).err == "replica: " + nan);
  // a disk that is full
  const auto full = failed("full", {"checkpoint=0.0001"}, {.largest_file = 100'000});
  CHECK(contains(full, "model.safetensors: "));
  CHECK(std::count(full.begin(), full.end(), '\n') == 1);
  CHECK_FALSE(std::filesystem::exists(folder / "full" / "model.safetensors"));
}

TEST_CASE("processes that were started otherwise, or never, are refused at the start") {
  const TemporaryFolder folder;
  const auto text = said(Group({replica(folder / "a", {}), replica(folder / "a", {"batch=16"})}).wait(), 2);
  CHECK(contains(text, "expected process 1 to have the batch of process 0, 8, got 16\n"));
  CHECK_FALSE(std::filesystem::exists(folder / "a" / "model.safetensors"));

  const auto alone = run(replica(folder / "b", {"timeout=1"}),
                         {.environment = {{"RANK", "0"},
                                          {"WORLD_SIZE", "2"},
                                          {"MASTER_ADDR", "127.0.0.1"},
                                          {"MASTER_PORT", std::to_string(free_port())}}});
  CHECK(alone.status == 2);
  CHECK(alone.err == "replica: expected 2 processes within 1 s, got none of rank 1\n");
}
