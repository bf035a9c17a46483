// Taps of bicubic enlargement by two (Keys, Cubic convolution interpolation, 1981, a = -0.5): output pixel 2i + phase takes input pixels
// i - 2 .. i + 2, at distances from its centre i - 1/4 + phase/2.
#pragma once

#include <array>

namespace cnf {

/// Weights of five pixels for the two pixels of the doubled size.
inline constexpr std::array<std::array<double, 5>, 2> doubling_taps{
    {{-0.0234375, 0.2265625, 0.8671875, -0.0703125, 0}, {0, -0.0703125, 0.8671875, 0.2265625, -0.0234375}}};

}  // namespace cnf
