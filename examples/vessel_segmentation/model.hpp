// A model of the program behind one face, so that commands are compiled once and not once per architecture.
//
//   auto model = make_model({.model = "cnf", .extractor = "unet"}, {.seed = 1});
//   auto model = open_model("model.safetensors", {});          the architecture that the file names
//
// x: (N, 4, H, W) prepared photographs (examples.hpp), y: (N, 1, H, W) masks of 0 and 1. Errors: cnf::Error
// of one line.
#pragma once

#include <ATen/core/Tensor.h>

#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "cnf/model/model.hpp"
#include "input.hpp"
#include "specs.hpp"
#include "support/any_model.hpp"

namespace vessel_segmentation {

/// Bits per image, (N); effective_draws of importance-weighted ones.
struct Bits {
  at::Tensor per_image, effective_draws;
};

class AnyModel : public support::AnyModel {
 public:
  /// What training minimises: bits per pixel, for weighted-bernoulli the weighted cross-entropy.
  virtual at::Tensor loss(const at::Tensor& x, const at::Tensor& y, const cnf::NoiseOptions& noise) const = 0;
  virtual Bits bits(const at::Tensor& x, const at::Tensor& y, const cnf::NoiseOptions& noise) const = 0;
  /// P(vessel) of every pixel where the model has it in closed form; else samples must tell.
  virtual std::optional<at::Tensor> probability(const at::Tensor& x) const = 0;
  /// Calls take(i, mask) for samples 0 .. count - 1; the features of x are computed once for all.
  virtual void sample(const at::Tensor& x, long count, const cnf::SampleOptions& options,
                      const std::function<void(long, const at::Tensor&)>& take) const = 0;
};

std::unique_ptr<AnyModel> make_model(const Choice& choice, const support::ModelOptions& options);

/// The model of a checkpoint, with its parameters, in evaluation mode.
std::unique_ptr<AnyModel> open_model(const std::filesystem::path& checkpoint,
                                     const cnf::libtorch::Backend::Placement& placement, long tile = 0);

/// The choice that a checkpoint was trained with.
Choice choice_of(const std::filesystem::path& checkpoint);

/// What a model learnt from.
struct Resolution {
  double scale = 1;  // the part of its photographs' resolution that it worked at
  double across =
      0;  // pixels across a field of view at that scale, in the mean; 0: an older checkpoint doesn't say

  /// The scale at which vessels of another photograph are as wide: that of training, or 1, where it is within a tenth
  /// of it.
  double scale_for(const Mask& field_of_view) const;
};
Resolution resolution_of(const std::filesystem::path& checkpoint);

}  // namespace vessel_segmentation
