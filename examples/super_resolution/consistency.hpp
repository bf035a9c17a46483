// Whether an enlargement, brought down again, is the photograph that it was made from; and one that is.
//
//   consistency(result, low)      PSNR between imresize(result, 0.5) and low, dB; 99 at most
//   made_consistent(result, low)  result += imresize(low - imresize(result, 0.5), 2), until they agree
//                                 (iterative back-projection, Irani and Peleg, 1991)
#pragma once

#include "support/image.hpp"

namespace super_resolution {

/// Of `result`, exactly twice as large as `low`.
double consistency(const support::Image& result, const support::Image& low);

/// Agrees with `low` to a grey level nearly everywhere after a few rounds; where black and white can't give what is missing,
/// as near as it gets.
support::Image made_consistent(support::Image result, const support::Image& low);

}  // namespace super_resolution
