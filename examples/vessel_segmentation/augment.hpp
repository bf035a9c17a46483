// Photographs as the models see them, and the random views of them that training takes.
//
// A view turns, scales, shears and mirrors input and label about one point (Winkler et al., 2019, section 5: rotation
// 0..360 degrees, scale 0.8..1.2, shear N(0, 10 degrees)): the photograph bilinearly, field of view and label
// by nearest neighbour. Every view is a pure function of (seed, step, number in the batch).
#pragma once

#include <ATen/core/Tensor.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <utility>
#include <vector>

#include "dataset.hpp"

namespace vessel_segmentation {

/// A photograph to train on.
struct Prepared {
  Fundus fundus;
  Normaliser normalised;

  explicit Prepared(Fundus f) : fundus(std::move(f)), normalised(fundus.image, fundus.field_of_view) {}
};

/// A whole photograph as input, (1, 4, H, W) float, and a mask as target, (1, 1, H, W) bytes.
at::Tensor to_input(const support::Image& image, const Mask& field_of_view);
at::Tensor to_target(const Mask& mask);
/// The numbers of a tensor, on the host.
std::vector<float> floats(const at::Tensor& t);

struct AugmentOptions {
  int crop = 0;       // side of the views, pixels; 0: the whole field of view, on a canvas just large enough
  double warp = 1;    // how often to rotate by any angle, scale and shear; else turn by right angles only
  double jitter = 0;  // colours: factor within 1 +- jitter and offset within +- jitter, a channel each
};

struct Views {
  at::Tensor x, y;  // (N, 4, H, W), (N, 1, H, W); H and W divide by 4
};

/// Views first .. first + some - 1 of a batch of `count`; all where `some` is 0. Every image is used once before any is used
/// again, in an order that changes.
Views random_views(const std::vector<Prepared>& images, int count, const AugmentOptions& options,
                   std::uint64_t seed, std::int64_t step, int first = 0, int some = 0);

}  // namespace vessel_segmentation
