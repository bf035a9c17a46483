// Whether an enlargement, brought down again, is the photograph that it was made from; and one that is.
//
//   low_resolution_error(result, low)   sum of (imresize(result, 0.5) - low)^2 over all numbers
//   consistency(result, low)      PSNR between imresize(result, 0.5) and low, dB; 99 at most
//   made_consistent(result, low)  result += imresize(low - imresize(result, 0.5), 2), until they agree
//                                 (iterative back-projection, Irani and Peleg, 1991)
#pragma once

#include "support/image.hpp"

namespace super_resolution {

/// Of `result`, in grey levels, squared.
double low_resolution_error(const support::Image& result, const support::Image& low);
/// The PSNR of such a sum over so many numbers.
double consistency(double squares, double count);
/// Of `result`, exactly twice as large as `low`.
double consistency(const support::Image& result, const support::Image& low);

/// Agrees with `low` to a grey level nearly everywhere after a few rounds; where black and white can't give what is missing,
/// as near as it gets.
support::Image made_consistent(support::Image result, const support::Image& low);

}  // namespace super_resolution
