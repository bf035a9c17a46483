// What a build without Gloo's headers says.
#define CNF_GLOO 0
#include "cnf/backend/libtorch/distributed/connected.hpp"
#include "support/doctest.hpp"
#include "support/error_of.hpp"

TEST_CASE("without Gloo one process works, and several are told what is missing") {
  using namespace cnf::distributed;
  int size = 0;
  together({}, {}, [&](Replicas& replicas) { size = replicas.size(); });
  CHECK(size == 1);
  CHECK(error_of([] { together({.size = 2}, {}, [](Replicas&) { FAIL("ran"); }); }) ==
        "expected to be one process, got 2: this build has no Gloo, by which LibTorch lets them work "
        "together (Debian: "
        "libgloo-dev)");
}
