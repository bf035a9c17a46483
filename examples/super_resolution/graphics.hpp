// Drawn pictures to train on: lines of text, lines, boxes and discs, checkers and stripes of 1 to 5 pixels, flat and
// dithered gradients, in random colours of which four in ten are of 0 and 255 alone. Photographs have little of it, and
// people hand it in.
//
// A pure function of its arguments and of the fonts of the system: without DejaVu's there is no text, and a warning once.
#pragma once

#include <cstdint>

#include "support/image.hpp"

namespace super_resolution {

/// Picture number `index`, size x size.
support::Image drawn_graphic(std::uint64_t seed, std::uint32_t index, int size);

}  // namespace super_resolution
