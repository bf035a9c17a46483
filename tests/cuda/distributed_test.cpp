// LibTorch's engine with NCCL, by one process alone: what one GPU can show of it.
#include "cnf/backend/libtorch/distributed/connected.hpp"
#include "place.hpp"
#include "support/doctest.hpp"

TEST_CASE("sums and copies on the device, by one process") {
  const Place place;
  if (!place.is_gpu()) return;
  const auto device = Place::device();
  using namespace cnf::distributed;
  together({}, {.device = device, .even_alone = true}, [&](Replicas& replicas) {
    const auto ones = at::ones({1000}, at::TensorOptions(device));
    const auto finish = replicas.begin_sum(ones);
    finish();
    replicas.copy_from_first(ones);
    CHECK(ones.sum().item<double>() == 1000);
    CHECK(replicas.gather("here") == std::vector<std::string>{"here"});
    const auto host = at::ones({3});
    replicas.sum(host);
    CHECK(host.sum().item<double>() == 3);
  });
}
