// Runs every test of one test program.
#define DOCTEST_CONFIG_IMPLEMENT
#include "support/doctest.hpp"

#ifdef CNF_TESTS_USE_LIBTORCH
#include <ATen/Parallel.h>

#include <algorithm>
#include <thread>
#endif

int main(int argc, char** argv) {
#ifdef CNF_TESTS_USE_LIBTORCH
  // Some builds of LibTorch start with one thread.
  at::set_num_threads(static_cast<int>(std::max(1u, std::thread::hardware_concurrency())));
#endif
  return doctest::Context(argc, argv).run();
}
