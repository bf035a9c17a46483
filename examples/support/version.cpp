#include "version.hpp"

#include <fmt/format.h>
#include <torch/cuda.h>
#include <torch/version.h>
#include <Eigen/Core>

#include <thread>

#include "cnf/version.hpp"

namespace support {

void add_version(CLI::App& app) {
  app.set_version_flag(
      "--version",
      [&app] {
        std::string devices = fmt::format("cpu ({} threads)", std::thread::hardware_concurrency());
        for (std::size_t i = 0; i < torch::cuda::device_count(); ++i) devices += fmt::format(", cuda:{}", i);
        return fmt::format("{} (cnf) {}\nLibTorch {}, Eigen {}.{}.{}\ndevices: {}", app.get_name(),
                           CNF_VERSION, TORCH_VERSION, EIGEN_WORLD_VERSION, EIGEN_MAJOR_VERSION,
                           EIGEN_MINOR_VERSION, devices);
      },
      "print the version of this program, those of the headers it was compiled with, and its devices");
}

}  // namespace support
