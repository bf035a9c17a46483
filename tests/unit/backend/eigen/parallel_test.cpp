#include "cnf/backend/eigen/parallel.hpp"

#include <atomic>
#include <string>
#include <vector>

#include "support/doctest.hpp"
#include "support/error_of.hpp"

namespace {

using cnf::eigen::parallel_for;

TEST_CASE("every index once") {
  std::vector<std::atomic<int>> seen(1000);
  parallel_for(1000, 1e9, [&](long i) { ++seen[std::size_t(i)]; });
  for (const auto& count : seen) CHECK(count == 1);
  parallel_for(0, 1e9, [&](long) { FAIL("there is none"); });
}

TEST_CASE("what a call throws, is thrown") {
  for (const double work : {1.0, 1e9})
    CHECK(error_of([&] {
            parallel_for(100, work, [](long i) {
              if (i == 61) throw cnf::Error("number " + std::to_string(i));
            });
          }) == "number 61");
}

}  // namespace
