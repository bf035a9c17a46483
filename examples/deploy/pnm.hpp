// Images as PGM and PPM files (netpbm, binary; 8 bits out, up to 16 in), which need no library: `pngtopnm`, `djpeg`,
// ImageMagick and GIMP make them of everything else.
//
// Errors: cnf::Error of one line that names the file. A file is written whole or not at all.
#pragma once

#include <cstdint>
#include <filesystem>
#include <vector>

#include "support/image.hpp"

namespace deploy {

/// P5 (grey, repeated into three channels) or P6.
support::Image read_pnm(const std::filesystem::path& path);

/// Its numbers as they are: of a mask.
support::Levels read_pnm_levels(const std::filesystem::path& path);

/// Bytes of 1 or 3 channels, interleaved, as P5 or P6.
void write_pnm(const std::filesystem::path& path, const std::vector<std::uint8_t>& bytes, int channels,
               int height, int width);

}  // namespace deploy
