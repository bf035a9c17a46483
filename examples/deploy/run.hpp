// What a deployed model does with one image, whatever the model: loads the checkpoint, then writes samples, of several
// their mean and their uncertainty, and says what a given target costs.
#pragma once

#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "cnf/eigen.hpp"
#include "cnf/io/checkpoint.hpp"
#include "cnf/metrics/sample_summary.hpp"
#include "pnm.hpp"

namespace deploy {

struct Options {
  std::chrono::steady_clock::time_point start;  // of the program
  std::filesystem::path checkpoint, image, out;
  std::filesystem::path target;         // empty: none
  std::filesystem::path field_of_view;  // empty: the bright disc of the photograph
  long count = 4;
  std::optional<double> temperature;  // else the usual one of the model's kind
  std::uint64_t seed = 0;
};

using Checkpoint = cnf::io::SafetensorsReader;

/// Numbers in (sample, channel, row, column) order.
struct Numbers {
  std::vector<double> values;
  std::array<long, 4> sizes{};
};

/// An image as the model sees it, and what its numbers mean.
struct Question {
  Numbers x;
  std::optional<Numbers> y;
  double temperature = 1;
  double highest = 1;  // of the target's alphabet: white
  double gain = 1;     // of the picture of standard deviations
};

/// Pixels of 0 .. white as an image file: .pgm or .ppm by the number of their channels.
inline void write_pixels(const std::filesystem::path& stem, std::span<const float> pixels, double white,
                         long channels, long height, long width) {
  std::vector<std::uint8_t> bytes(pixels.size());
  for (std::size_t i = 0; i < bytes.size(); ++i)
    bytes[i] =
        static_cast<std::uint8_t>(std::lround(std::clamp(255 / white * double(pixels[i]), 0.0, 255.0)));
  const auto path = stem.string() + (channels == 1 ? ".pgm" : ".ppm");
  write_pnm(path, bytes, int(channels), int(height), int(width));
  std::printf("%s\n", path.c_str());
}

template <class Spec>
void run(const Options& o, const Checkpoint& checkpoint, const Question& q) {
  using Model = cnf::eigen::Model<Spec>;
  using B = typename Model::backend;
  Model model({.blank = true});
  cnf::io::load_checkpoint(checkpoint, model);
  const auto p = model.given(B::from_host(q.x.values, q.x.sizes, 0));
  std::filesystem::create_directories(o.out);

  std::optional<cnf::metrics::SampleSummary> summary;
  std::array<long, 4> sizes{};
  for (long i = 0; i < o.count; ++i) {
    const auto y =
        p.sample({.temperature = o.temperature.value_or(q.temperature), .seed = o.seed, .first_draw = i});
    if (!B::all_finite(y))
      throw cnf::Error("sample " + std::to_string(i + 1) + " has values that are not finite: is " +
                       o.checkpoint.string() + " the checkpoint of a healthy training?");
    sizes = cnf::sizes_of<B>(y);
    write_pixels(o.out / ("sample-" + std::to_string(i + 1)), y.numbers(), q.highest, sizes[1], sizes[2],
                 sizes[3]);
    if (i == 0) {
      const std::chrono::duration<double, std::milli> taken = std::chrono::steady_clock::now() - o.start;
      std::printf("the first sample took %.0f ms from the start of the program\n", taken.count());
      if (o.count > 1)
        summary.emplace(cnf::metrics::SampleSummaryOptions{
            .elements = y.numbers().size(), .high = float(q.highest), .bins = 2});
    }
    if (summary) summary->add(y.numbers());
  }
  if (summary) {
    write_pixels(o.out / "mean", summary->mean(), q.highest, sizes[1], sizes[2], sizes[3]);
    // of colours the largest standard deviation
    const auto each = summary->standard_deviation();
    const auto channels = std::size_t(sizes[1]);
    std::vector<float> deviation(each.size() / channels, 0.0F);
    for (std::size_t j = 0; j < each.size(); ++j)
      deviation[j / channels] = std::max(deviation[j / channels], each[j]);
    write_pixels(o.out / "uncertainty", deviation, q.highest / q.gain, 1, sizes[2], sizes[3]);
  }

  if (q.y) {
    const auto bits = p.bits_per_dim(B::from_host(q.y->values, q.y->sizes, 0), {.seed = o.seed});
    std::printf("%s: %.4f bits per dimension (%s)\n", o.target.string().c_str(), B::to_host(bits.values)[0],
                cnf::to_string(bits.kind).c_str());
  }
}

/// The planes of an image, 0 .. 255.
inline Numbers planes(const support::Image& image) {
  const auto area = std::size_t(image.height) * std::size_t(image.width);
  Numbers n{std::vector<double>(3 * area), {1, 3, image.height, image.width}};
  for (std::size_t i = 0; i < area; ++i)
    for (std::size_t c = 0; c < 3; ++c) n.values[c * area + i] = image.rgb[3 * i + c];
  return n;
}

/// Runs the model when it is one of the program of that name.
bool super_resolution(const Options& o, const Checkpoint& checkpoint);
bool vessel_segmentation(const Options& o, const Checkpoint& checkpoint);

}  // namespace deploy
