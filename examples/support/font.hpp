// Fonts of the system, for text in pictures.
#pragma once

#include <string>

namespace support {

/// Whether OpenImageIO finds this font; if not, one line on stderr says what the user does without.
bool has_font(const std::string& font, const std::string& without);

}  // namespace support
