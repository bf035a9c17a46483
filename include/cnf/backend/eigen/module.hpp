// Parameters of the Eigen backend, and the tree of dotted names that holds them.
#pragma once

#include <Eigen/Core>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace cnf::eigen {

/// Numbers with the sizes that LibTorch would give them, row-major. A handle: copies share the numbers.
template <class T>
struct Parameter {
  struct State {
    std::vector<long> sizes;
    Eigen::Array<T, Eigen::Dynamic, 1> values;
    std::uint64_t version = 1;
  };
  std::shared_ptr<State> state;

  const Eigen::Array<T, Eigen::Dynamic, 1>& values() const { return state->values; }
  long size(std::size_t dimension) const { return state->sizes[dimension]; }

  /// New values: caches made from the old ones are stale.
  template <class Values>
  void assign(const Values& v) const {
    state->values = v;
    ++state->version;
  }
};

template <class T>
struct Module {
  std::vector<std::pair<std::string, Parameter<T>>> parameters;
  std::vector<std::pair<std::string, std::unique_ptr<Module>>> children;

  /// Calls visit(dotted name, parameter) for all, in order of registration.
  template <class Visit>
  void for_each(const Visit& visit, const std::string& prefix = "") const {
    for (const auto& [name, p] : parameters) visit(prefix + name, p);
    for (const auto& [name, c] : children) c->for_each(visit, prefix + name + ".");
  }
};

}  // namespace cnf::eigen
