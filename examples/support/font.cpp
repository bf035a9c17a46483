#include "support/font.hpp"

#include <OpenImageIO/imagebufalgo.h>

#include <iostream>

namespace support {

bool has_font(const std::string& font, const std::string& without) {
  // OpenImageIO 2.5 looks into no folder below /usr/share/fonts by itself.
  OIIO::attribute("font_searchpath", "/usr/share/fonts/truetype/dejavu");
  if (OIIO::ImageBufAlgo::text_size("x", 9, font).defined()) return true;
  (void)OIIO::geterror();
  std::cerr << "warning: no font " << font << " found (Debian package fonts-dejavu-core); " << without
            << "\n";
  return false;
}

}  // namespace support
