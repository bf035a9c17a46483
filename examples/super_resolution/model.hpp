// A model of the program behind one face, so that commands are compiled once and not once per architecture.
//
//   auto model = make_model({.config = "small", .model = "cnf"}, {.seed = 1});
//   auto model = open_model("model.safetensors", {});          the architecture that the file names
//
// x: (N, 3, h, w) low resolution, y: (N, 3, 2h, 2w), both 0 .. 255. Errors: cnf::Error of one line.
#pragma once

#include <ATen/core/Tensor.h>

#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "cnf/core/describe.hpp"
#include "cnf/model/model.hpp"
#include "support/any_model.hpp"

namespace super_resolution {

struct Choice {
  std::string config = "small";  // small | paper
  std::string model = "cnf";     // cnf | factorised
};

class AnyModel : public support::AnyModel {
 public:
  /// Bits per dimension, (N).
  virtual at::Tensor bits_per_dim(const at::Tensor& x, const at::Tensor& y,
                                  const cnf::NoiseOptions& noise) const = 0;
  /// Calls take(i, samples) for each of the options; the features of x are computed once for all.
  virtual void sample(const at::Tensor& x, const std::vector<cnf::SampleOptions>& options,
                      const std::function<void(std::size_t, at::Tensor)>& take) const = 0;
  /// What sample needs for an input of this size: multiply-adds for its features and for each draw, and bytes of features and
  /// state.
  struct Cost {
    double features = 0, draw = 0, bytes = 0;
  };
  virtual Cost cost(long height, long width) const = 0;
};

std::unique_ptr<AnyModel> make_model(const Choice& choice, const support::ModelOptions& options);

/// The model of a checkpoint, with its parameters, in evaluation mode.
std::unique_ptr<AnyModel> open_model(const std::filesystem::path& checkpoint,
                                     const cnf::libtorch::Backend::Placement& placement, long tile = 0);

/// The choice that a checkpoint was trained with.
Choice choice_of(const std::filesystem::path& checkpoint);

/// What `describe` prints: architecture, a row per layer for a target of 32x32, and the sums.
std::string describe_model(const Choice& choice);

}  // namespace super_resolution
