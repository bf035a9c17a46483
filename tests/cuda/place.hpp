// Where the tests of this folder run. CNF_TEST_DEVICE=cuda: on a GPU, and skipped where there is none; otherwise on the
// CPU, by the kernels that a GPU would run.
//
//   TEST_CASE("...") {
//     const Place place;
//     if (!place.is_there()) return;
//     ... place.device() ...
#pragma once

#include <torch/cuda.h>

#include <cstdlib>
#include <string>

#include "cnf/backend/libtorch/launch.hpp"
#include "support/doctest.hpp"

class Place {
 public:
  Place() { cnf::libtorch::fusing() = cnf::libtorch::Fusing::everywhere; }
  Place(const Place&) = delete;
  Place& operator=(const Place&) = delete;
  ~Place() { cnf::libtorch::fusing() = cnf::libtorch::Fusing::on_gpus; }

  static std::string name() {
    const char* wanted = std::getenv("CNF_TEST_DEVICE");
    return wanted && std::string(wanted) == "cuda" ? "cuda" : "cpu";
  }
  static at::Device device() { return at::Device(name()); }
  static bool is_cuda() { return name() == "cuda"; }

  /// Says so where it is not.
  bool is_there() const {
    if (!is_cuda() || torch::cuda::is_available()) return true;
    MESSAGE("skipped: no CUDA device here");
    return false;
  }
  /// For what only a GPU has.
  bool is_gpu() const {
    if (is_cuda() && torch::cuda::is_available()) return true;
    MESSAGE("skipped: no CUDA device here");
    return false;
  }
};
