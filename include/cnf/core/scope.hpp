// Where a bound layer registers its parameters: a place in the tree of dotted names
// (`flow.0.1.3.net.conv1.weight`).
//
//   scope.parameter("bias", {channels}, initial::zeros)      // trained; saved
//   scope.buffer("initialised", {1}, initial::zeros)         // saved, not trained
//   scope.child("net")                                       // the scope of a part
//
// Initial values come from the seed and the full name, so they don't depend on the order of construction or
// on the backend.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "cnf/core/noise.hpp"

namespace cnf {

template <class B>
class Scope {
 public:
  Scope(typename B::Module& module, std::uint64_t seed, std::string path = "")
      : module_(&module), seed_(seed), path_(std::move(path)) {}

  Scope child(const std::string& name) const {
    return Scope(B::child(*module_, name), seed_, path_.empty() ? name : path_ + "." + name);
  }
  Scope child(int index) const { return child(std::to_string(index)); }

  template <class Initial>
  typename B::Parameter parameter(const std::string& name, const std::vector<long>& sizes,
                                  const Initial& initial) const {
    return B::add_parameter(*module_, name, sizes, initial(count(sizes), key(name)), true);
  }

  template <class Initial>
  typename B::Parameter buffer(const std::string& name, const std::vector<long>& sizes,
                               const Initial& initial) const {
    return B::add_parameter(*module_, name, sizes, initial(count(sizes), key(name)), false);
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
  static std::size_t count(const std::vector<long>& sizes) {
    std::size_t n = 1;
    for (long s : sizes) n *= std::size_t(s);
    return n;
  }

  typename B::Module* module_;
  std::uint64_t seed_;
  std::string path_;
};

}  // namespace cnf
