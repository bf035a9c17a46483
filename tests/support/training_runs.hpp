// Trainings of the programs, as tests start and read them.
#pragma once

#include <chrono>
#include <thread>

#include "cnf/io/safetensors.hpp"
#include "support/files.hpp"
#include "support/run.hpp"

inline cnf::io::Safetensors checkpoint_in(const std::filesystem::path& folder) {
  return cnf::io::read_safetensors(folder / "model.safetensors");
}

/// Starts a training into the folder and presses Ctrl-C as soon as its log has a line.
inline Finished interrupted_training(const Arguments& training, const std::filesystem::path& folder) {
  Process process(training);
  while (content(folder / "log.jsonl").empty() && !process.ended())
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  process.interrupt();
  return process.wait();
}
