// What the tests of the program super_resolution share: its command lines, photographs, two trained models.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "support/files.hpp"
#include "support/image.hpp"
#include "support/run.hpp"
#include "support/temporary_folder.hpp"

inline Arguments super_resolution_command(Arguments arguments) {
  arguments.insert(arguments.begin(), CNF_BIN_DIR "/super_resolution");
  return arguments;
}

/// A short training on one thread.
inline Arguments training(const std::filesystem::path& data, const std::filesystem::path& out,
                          const Arguments& more = {}) {
  Arguments all{"train", "--data", data, "--out", out, "--patch", "8", "--batch", "2", "--threads", "1"};
  all.insert(all.end(), more.begin(), more.end());
  return super_resolution_command(all);
}

/// An evaluation on one thread.
inline Arguments evaluation(const std::filesystem::path& checkpoint, const std::filesystem::path& data,
                            const Arguments& more = {}) {
  Arguments all{"evaluate", "--checkpoint", checkpoint, "--data", data, "--threads", "1"};
  all.insert(all.end(), more.begin(), more.end());
  return super_resolution_command(all);
}

/// One sample on one thread.
inline Arguments sampling(const std::filesystem::path& checkpoint, const std::filesystem::path& input,
                          const std::filesystem::path& output, const Arguments& more = {}) {
  Arguments all{"sample", "--checkpoint", checkpoint, "--input", input, "--output", output, "--threads", "1"};
  all.insert(all.end(), more.begin(), more.end());
  return super_resolution_command(all);
}

/// A smooth photograph without black and white, a function of its number.
inline support::Image photograph(int height, int width, int number, bool grey = false) {
  support::Image image{height, width, {}};
  for (int y = 0; y < height; ++y)
    for (int x = 0; x < width; ++x)
      for (int c = 0; c < 3; ++c) {
        const double phase = grey ? 0 : 0.7 * c, wave = 5 + number;
        const double value =
            128 + 50 * std::sin(x / wave + phase) * std::cos(y / (wave + 2)) + 30 * std::tanh((x - y) / 4.0);
        image.rgb.push_back(static_cast<std::uint8_t>(std::lround(value)));
      }
  return image;
}

/// Photographs and a model of each kind after twenty steps, made once for all tests that only read them.
struct Trained {
  TemporaryFolder folder;
  std::filesystem::path photographs = folder / "photographs";
  std::filesystem::path cnf = folder / "cnf" / "model.safetensors";
  std::filesystem::path factorised = folder / "factorised" / "model.safetensors";
  Finished cnf_run, factorised_run;

  Trained() {
    std::filesystem::create_directories(photographs / "more");
    const std::pair<int, int> sizes[] = {{40, 48}, {45, 51}, {64, 33}, {37, 40}, {38, 38}, {41, 62}};
    for (int i = 0; i < 6; ++i)
      support::write_image(photographs / (i % 2 == 0 ? "more" : "") / (std::to_string(i) + ".png"),
                           photograph(sizes[i].first, sizes[i].second, i));
    // idle threads of one training that spin would slow the other
    const RunOptions no_spinning{.environment = {{"GOMP_SPINCOUNT", "0"}}};
    Process first(arguments("cnf", "2"), no_spinning), second(arguments("factorised", "1"), no_spinning);
    cnf_run = first.wait();
    factorised_run = second.wait();
  }

 private:
  Arguments arguments(const std::string& model, const std::string& threads) const {
    return super_resolution_command({"train", "--data", photographs, "--out", folder / model, "--model",
                                     model, "--steps", "20", "--batch", "4", "--patch", "16", "--threads",
                                     threads});
  }
};

inline const Trained& trained() {
  static const Trained once;
  return once;
}
