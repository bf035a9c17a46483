// What the programs ask of a model whatever its architecture: a face that they extend, and its implementation
// for one spec.
//
//   class AnyModel : public support::AnyModel { ... what the program computes with it ... };
//   template <class Spec> class Instance final : public support::Holding<AnyModel, Spec> { ... this->model_ ... };
#pragma once

#include <torch/nn/module.h>

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "cnf/io/checkpoint.hpp"
#include "cnf/libtorch.hpp"

namespace support {

class AnyModel {
 public:
  virtual ~AnyModel() = default;

  virtual torch::nn::Module& module() = 0;
  virtual cnf::Likelihood likelihood() const = 0;
  virtual void save(const std::filesystem::path& path, cnf::io::CheckpointExtras extras,
                    std::optional<cnf::DType> dtype = {}) const = 0;
  virtual void load(const std::filesystem::path& path) = 0;
  /// Name of the first layer whose output is not finite, or an empty text.
  virtual std::string first_nonfinite(const at::Tensor& x, const at::Tensor& y, std::uint64_t seed) const = 0;

  /// Also returns what the checkpoint holds beside the model, for a training to go on from.
  cnf::io::CheckpointExtras resume(const std::filesystem::path& path) {
    load(path);
    return cnf::io::load_extras(path);
  }

  long parameters() {
    long count = 0;
    for (const auto& p : module().parameters()) count += long(p.numel());
    return count;
  }
};

/// What is wrong with a checkpoint of another architecture than `program` has.
inline cnf::Error of_another_program(const std::filesystem::path& checkpoint, const std::string& program) {
  const auto metadata = cnf::io::read_safetensors_metadata(checkpoint);
  const auto of = metadata.find("program");
  return cnf::Error("cannot load " + checkpoint.string() + ": expected a model of " + program + ", got " +
                    (of != metadata.end() && of->second != program
                         ? "one of " + of->second
                         : "the architecture " + cnf::io::architecture_of(checkpoint)));
}

/// A model that was made blank, with the parameters of a checkpoint, in evaluation mode.
template <class Model>
std::unique_ptr<Model> filled(std::unique_ptr<Model> model, const std::filesystem::path& checkpoint) {
  model->load(checkpoint);
  model->module().eval();
  return model;
}

/// How to make a model of any spec.
struct ModelOptions {
  std::uint64_t seed = 0;
  cnf::libtorch::Backend::Placement placement{};
  bool reversible = false;
  bool blank = false;  // for a checkpoint to fill
  long tile = 0;
};

template <class Face, class Spec>
class Holding : public Face {
 public:
  explicit Holding(const ModelOptions& o)
      : model_({.seed = o.seed,
                .reversible = o.reversible,
                .blank = o.blank,
                .tile = o.tile,
                .placement = o.placement}) {}

  torch::nn::Module& module() override { return model_; }
  cnf::Likelihood likelihood() const override { return Spec::likelihood; }
  void save(const std::filesystem::path& path, cnf::io::CheckpointExtras extras,
            std::optional<cnf::DType> dtype) const override {
    cnf::io::save_checkpoint(path, model_, std::move(extras), dtype);
  }
  void load(const std::filesystem::path& path) override { cnf::io::load_checkpoint(path, model_); }

 protected:
  cnf::libtorch::Model<Spec> model_;
};

}  // namespace support
