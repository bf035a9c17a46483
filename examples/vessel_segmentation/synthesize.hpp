// Images like fundus photographs, with the exact mask of their vessels: to try the program without a data set.
//
// Arteries and veins leave the optic disc, arch around the fovea, taper and branch; thinner vessels are fainter,
// the finest drown in the noise. The label is what was drawn: pixels whose centre lies in a vessel. The second
// label imitates another grader, who misses thin branches and draws other borders: Dice about 0.75 to 0.85
// against the first. An image is a pure function of (options, number); a larger size shows the same eye in more
// detail. Throws cnf::Error for a size below 32x32 or above 4096x4096 pixels.
//
//     Fundus first = synthesize({.height = 300, .width = 300, .seed = 1}, 1);
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>

#include "dataset.hpp"

namespace vessel_segmentation {

struct SynthesisOptions {
  int height = 300;
  int width = 300;
  std::uint64_t seed = 1;
};

Fundus synthesize(const SynthesisOptions& options, int number);

/// Images 1 to `count` in the layout `plain`: images/01.png, labels/01.png, masks/01.png, labels2/01.png. Refuses
/// a folder that has files there already. Calls `before_each` before each image, which may throw to stop: what is
/// there then is a whole, smaller data set.
void write_data_set(
    const std::filesystem::path& out, int count, const SynthesisOptions& options,
    const std::function<void()>& before_each = [] {});

}  // namespace vessel_segmentation
