// Views: what training makes of a photograph beside the photograph itself, so that a model also meets the colours, edges
// and sizes of pictures that its photographs don't have.
//
//     v -> clip(contrast (v - 128) + 128 + brightness, 0, 255), then 255 - v if inverted, then other channel order
//
// of the photograph at 0.5 to 1 of its size (MATLAB's antialiased bicubic kernel, resize.hpp), mirrored or not. The low
// resolution is always that of the finished view: imresize(view, 0.5), to the last bit. A crop costs a few small matrix
// products, on the device where the photograph is.
//
//     const Crops crops = cut({{photograph, random_view(key), 0.3, 0.8}}, 32);
#pragma once

#include <ATen/core/Tensor.h>

#include <array>
#include <vector>

#include "cnf/noise/noise.hpp"

namespace super_resolution {

struct View {
  double scale = 1;  // 0.5 .. 1
  double contrast = 1, brightness = 0;
  bool inverted = false, mirrored = false;
  std::array<int, 3> channels{0, 1, 2};
};

/// Two in five at full size; three in five in their own colours. Blocks 4 to 7 of the key decide; not about mirroring.
View random_view(const cnf::NoiseKey& key);

struct Crops {
  at::Tensor x, y;  // (N, 3, size/2, size/2), (N, 3, size, size), bytes
};

/// Where a crop comes from.
struct Place {
  at::Tensor image;  // (H, W, 3), bytes, at least as large as the crop
  View view;
  double down = 0, across = 0;  // 0 .. 1: where in the view
};

/// Crops of an even size; where a view would be smaller than that, of a larger view.
Crops cut(const std::vector<Place>& places, int size);

}  // namespace super_resolution
