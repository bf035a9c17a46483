// A picture that puts images side by side: rows of cells, each with a caption above its image.
//
// Small images are enlarged by a whole number of nearest-neighbour steps, so that pixels stay visible as
// squares; all images of a row are brought to about the same size, so a 2x smaller low-resolution input is
// shown at twice the magnification. Captions are wrapped and, if needed, set smaller to stay inside their
// column ('\n' starts a new line; ASCII only). A row without captions has no caption strip: for a table with
// column headings give captions to the first row only. Without a DejaVu Sans font the grid is drawn without
// text and one warning goes to stderr. Throws cnf::Error when there is nothing to draw.
//
//     support::Image sheet = support::picture_grid({{{"low resolution", low}, {"original", high}}});
#pragma once

#include <string>
#include <vector>

#include "support/image.hpp"

namespace support {

struct Cell {
  std::string caption;
  Image image;  // an empty image leaves its place blank
};

struct PictureOptions {
  int cell_size = 192;              // enlarge a row's images as long as the longest side stays within this
  int margin = 12;                  // white space around the sheet and between cells
  int font_size = 15;               // captions may be set smaller than this to fit
  std::string font = "DejaVuSans";  // looked up in the system's font folders
  std::vector<std::string> row_labels = {};  // left of each row; fewer or none is fine
};

Image picture_grid(const std::vector<std::vector<Cell>>& rows, const PictureOptions& options = {});

}  // namespace support
