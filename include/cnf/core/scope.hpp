// Where a bound layer registers its parameters: a place in the tree of dotted names
// (`flow.0.1.3.net.conv1.weight`).
//
//   scope.parameter("bias", {channels}, initial::zeros)      // trained; saved
//   scope.buffer("initialised", {1}, initial::zeros)         // saved, not trained
//   scope.child("net")                                       // the scope of a part
//
// It also tells the parts how they will be run: which feature map a network sees, in which precision, and
// whether its layer is rebuilt in the backward pass.
//
// Initial values come from the seed and the full name, so they don't depend on the order of construction or
// on the backend.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "cnf/core/conditions.hpp"
#include "cnf/noise/noise.hpp"

namespace cnf {

template <class B>
class Scope {
 public:
  /// Of a whole model.
  Scope(typename B::Module& module, std::uint64_t seed, typename B::Precision networks = {})
      : module_(&module), seed_(seed), networks_(networks) {}

  /// Of a part.
  Scope child(const std::string& name) const {
    Scope part = *this;
    part.module_ = &B::child(*module_, name);
    part.path_ = path_.empty() ? name : path_ + "." + name;
    return part;
  }
  /// Of a numbered part.
  Scope child(int index) const { return child(std::to_string(index)); }

  /// Registers one that is trained.
  template <class Initial>
  typename B::Parameter parameter(const std::string& name, const std::vector<long>& sizes,
                                  const Initial& initial) const {
    return B::add_parameter(*module_, name, sizes, start(name, sizes, initial), true);
  }

  /// Registers one that is saved, but not trained.
  template <class Initial>
  typename B::Parameter buffer(const std::string& name, const std::vector<long>& sizes,
                               const Initial& initial) const {
    return B::add_parameter(*module_, name, sizes, start(name, sizes, initial), false);
  }

  /// The scope of a flow whose networks share the convolutions of its maps.
  Scope sharing(std::shared_ptr<Conditions<B>> conditions) const {
    Scope part = *this;
    part.conditions_ = std::move(conditions);
    return part;
  }
  /// The scope of a network that sees this map of its flow; of none in an unconditional flow.
  Scope seeing(int map) const {
    Scope part = *this;
    part.map_ = map;
    return part;
  }
  /// The scope of networks that compute in the precision of their parameters.
  Scope precise() const {
    Scope part = *this;
    part.networks_ = {};
    return part;
  }
  /// The scope of a layer whose input the backward pass rebuilds (compose/reversible.hpp).
  Scope rebuilt(bool yes = true) const {
    Scope part = *this;
    part.rebuilt_ = yes;
    return part;
  }

  /// Whether activations are rebuilt in the backward pass.
  bool is_rebuilt() const { return rebuilt_; }

  /// The scope of parameters that are all 0, for a checkpoint to fill: no random number is drawn.
  Scope blank(bool yes = true) const {
    Scope part = *this;
    part.blank_ = yes;
    return part;
  }

  /// The scope of networks that run in tiles of this side; 0: of one that the backend chooses.
  Scope tiled(long side) const {
    Scope part = *this;
    part.tile_ = side;
    return part;
  }
  /// The side of the tiles, pixels; 0: chosen to fit.
  long tile() const { return tile_; }

  /// The precision in which networks compute.
  const typename B::Precision& networks() const { return networks_; }

  /// Registers a network's convolution of the map that it sees; a Slot without a place where none is shared.
  /// `alone`: the network sees nothing else, so it is of no layer that is repeated.
  typename Conditions<B>::Slot share(const typename B::Parameter& weight, const typename B::Parameter& bias,
                                     int kernel, bool alone) const {
    if (!conditions_ || map_ < 0) return {};
    return conditions_->add({map_, kernel, networks_, rebuilt_ || alone}, weight, bias);
  }

  /// Where the random initial values of `name` come from.
  NoiseKey key(std::string_view name) const {
    std::uint32_t hash = 2166136261u;  // FNV-1a of the dotted name
    for (char c : path_ + "." + std::string(name)) hash = (hash ^ std::uint8_t(c)) * 16777619u;
    return {.seed = seed_, .stream = Stream::parameters, .input = hash};
  }

  /// The module of this place: tells whether it is in training mode.
  typename B::Module& module() const { return *module_; }

 private:
  template <class Initial>
  std::vector<double> start(const std::string& name, const std::vector<long>& sizes,
                            const Initial& initial) const {
    if (blank_) return {};
    return initial(count(sizes), key(name));
  }

  static std::size_t count(const std::vector<long>& sizes) {
    std::size_t n = 1;
    for (long s : sizes) n *= std::size_t(s);
    return n;
  }

  typename B::Module* module_;
  std::uint64_t seed_;
  std::string path_;
  typename B::Precision networks_;
  std::shared_ptr<Conditions<B>> conditions_;
  int map_ = -1;
  long tile_ = 0;
  bool rebuilt_ = false, blank_ = false;
};

}  // namespace cnf
