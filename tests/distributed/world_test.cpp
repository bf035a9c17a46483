#include "cnf/backend/libtorch/distributed/world.hpp"

#include <map>

#include "cnf/backend/libtorch/distributed/replicas.hpp"
#include "support/doctest.hpp"
#include "support/error_of.hpp"

namespace {

using namespace cnf::distributed;
using Variables = std::map<std::string, std::string>;

World world(const Variables& variables) {
  return world_from_environment([&](const char* name) {
    const auto found = variables.find(name);
    return found == variables.end() ? nullptr : found->second.c_str();
  });
}

struct Some : Replicas {
  Some(int rank, int size) : rank_(rank), size_(size) {}
  int rank() const override { return rank_; }
  int size() const override { return size_; }
  int rank_, size_;
};

}  // namespace

TEST_CASE("without a launcher a process is alone") {
  CHECK(world({}).size == 1);
  CHECK(world({{"MASTER_PORT", "29500"}}).size == 1);
  // sbatch runs its script once, whatever the number of tasks
  CHECK(world({{"SLURM_PROCID", "0"}, {"SLURM_NTASKS", "4"}}).size == 1);
}

TEST_CASE("torchrun's variables") {
  Variables v{{"RANK", "3"},
              {"WORLD_SIZE", "4"},
              {"LOCAL_RANK", "1"},
              {"MASTER_ADDR", "head"},
              {"MASTER_PORT", "1234"},
              {"LOCAL_WORLD_SIZE", "2"},
              {"TORCHELASTIC_USE_AGENT_STORE", "True"},
              {"TORCHELASTIC_RESTART_COUNT", "2"}};
  const auto w = world(v);
  CHECK(w.rank == 3);
  CHECK(w.size == 4);
  CHECK(w.local_rank == 1);
  CHECK(w.local_size == 2);
  CHECK(w.address == "head");
  CHECK(w.port == 1234);
  CHECK(w.is_told_by_agent);
  CHECK(w.restarts == 2);
  const auto without = [&](const char* name) {
    auto fewer = v;
    fewer.erase(name);
    return error_of([&] { world(fewer); });
  };
  CHECK(without("WORLD_SIZE") == "expected RANK and WORLD_SIZE together, got no WORLD_SIZE");
  CHECK(without("RANK") == "expected RANK and WORLD_SIZE together, got no RANK");
  CHECK(without("MASTER_ADDR") == "expected MASTER_ADDR, the address of the first of 4 processes, got none");
  CHECK(without("MASTER_PORT") == "expected MASTER_PORT, where the first of 4 processes waits, got none");
  v["RANK"] = "4";
  CHECK(error_of([&] { world(v); }) == "expected RANK below WORLD_SIZE, got 4 of 4");
  v["RANK"] = "two";
  CHECK(error_of([&] { world(v); }) == "expected RANK of 0 .. 1048576, got two");
}

TEST_CASE("Open MPI's and SLURM's variables") {
  Variables mpi{{"OMPI_COMM_WORLD_RANK", "1"},
                {"OMPI_COMM_WORLD_SIZE", "2"},
                {"OMPI_COMM_WORLD_LOCAL_SIZE", "2"},
                {"OMPI_COMM_WORLD_LOCAL_RANK", "1"},
                {"PMIX_NAMESPACE", "job 1"}};
  const auto here = world(mpi);
  CHECK(here.rank == 1);
  CHECK(here.address == "127.0.0.1");
  CHECK(here.port >= 20000);
  CHECK(here.port < 30000);
  CHECK(world(mpi).port == here.port);
  mpi["PMIX_NAMESPACE"] = "job 2";
  CHECK(world(mpi).port != here.port);
  mpi["OMPI_COMM_WORLD_LOCAL_SIZE"] = "1";  // on two machines
  CHECK(error_of([&] { world(mpi); }).starts_with("expected MASTER_ADDR"));
  mpi["MASTER_ADDR"] = "10.0.0.1";
  CHECK(world(mpi).address == "10.0.0.1");

  const auto slurm = world({{"SLURM_PROCID", "5"},
                            {"SLURM_STEP_NUM_TASKS", "8"},
                            {"SLURM_LOCALID", "1"},
                            {"SLURM_JOB_ID", "77"},
                            {"SLURM_STEP_ID", "0"},
                            {"SLURM_STEP_NODELIST", "gpu[07-09,12],login"}});
  CHECK(slurm.rank == 5);
  CHECK(slurm.local_rank == 1);
  CHECK(slurm.address == "gpu07");
  CHECK(cnf::distributed::detail::first_node("a1,a[2-3]") == "a1");
  CHECK(cnf::distributed::detail::first_node("alone") == "alone");
  CHECK(cnf::distributed::detail::first_node("n[3,5]") == "n3");
}

TEST_CASE("shares cover a batch, each sample once") {
  for (const long batch : {4L, 5L, 7L, 64L}) {
    long next = 0;
    for (int rank = 0; rank < 4; ++rank) {
      const auto share = Some(rank, 4).share_of(batch);
      CHECK(share.first == next);
      CHECK(share.count >= batch / 4);
      CHECK(share.of == batch);
      next += share.count;
    }
    CHECK(next == batch);
  }
  CHECK(error_of([] { Some(0, 4).share_of(3); }) ==
        "expected a batch of at least as many samples as there are processes, 4, got 3");
}
