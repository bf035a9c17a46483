// Parameters of the Eigen backend, what is computed from one and kept, and the tree of dotted names that holds
// them.
#pragma once

#include <Eigen/Core>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

namespace cnf::eigen {

template <class T>
struct Parameter;

/// A value computed from a parameter and kept while the parameter doesn't change; safe to share between
/// threads. Copies share it.
template <class V>
class Cache {
 public:
  template <class T, class Compute>
  V get(const Parameter<T>& p, const Compute& compute) const {
    const std::lock_guard lock(state_->mutex);
    if (state_->version != p.state->version) {
      state_->value = compute();
      state_->version = p.state->version;
    }
    return state_->value;
  }

 private:
  struct State {
    std::mutex mutex;
    std::uint64_t version = 0;
    V value{};
  };
  std::shared_ptr<State> state_ = std::make_shared<State>();
};

/// A weight in the order in which conv2d reads it.
template <class T>
using PackedWeight = std::shared_ptr<const T[]>;

/// Numbers with the sizes that LibTorch would give them, row-major. A handle: copies share the numbers.
template <class T>
struct Parameter {
  struct State {
    std::vector<long> sizes;
    Eigen::Array<T, Eigen::Dynamic, 1> values;
    std::uint64_t version = 1;
    bool trained = true;  // not a buffer
    Cache<PackedWeight<T>> packed;
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
