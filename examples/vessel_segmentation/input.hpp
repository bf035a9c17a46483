// What a model sees of a photograph; needs neither LibTorch nor image files, so that deploy has the same.
//
// The input has four channels: red, green and blue, each less its mean and divided by its standard deviation
// inside the field of view, clipped to +-4, and 0 outside; then the field of view itself.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "support/image.hpp"

namespace vessel_segmentation {

struct Mask {
  int height = 0;
  int width = 0;
  std::vector<std::uint8_t> on;  // height * width, 0 or 1, rows from the top

  bool operator==(const Mask&) const = default;
};

/// A mask or label as people keep them: two values, whatever they are, of which the brighter is on; or nearly black and
/// nearly white; or drawn on a transparent layer. Anything else is an Error that names the file and what is in it.
Mask mask_of(const support::Levels& levels, const std::string& file);

/// Height or width, the larger, of the smallest rectangle around what is on.
int pixels_across(const Mask& mask);

/// Mean and standard deviation of the three colours inside the field of view; one without a pixel is an
/// Error.
struct Normaliser {
  std::array<double, 3> mean{}, deviation{};

  Normaliser(const support::Image& image, const Mask& field_of_view);
  float operator()(double value, std::size_t colour) const {
    return float(std::clamp((value - mean[colour]) / deviation[colour], -4.0, 4.0));
  }
};

/// (4, H, W).
std::vector<float> input_values(const support::Image& image, const Mask& field_of_view);

/// The bright disc of a photograph with a dark frame, together with its dark spots.
Mask field_of_view_of(const support::Image& image);

}  // namespace vessel_segmentation
