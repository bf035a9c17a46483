// Parameters of the Eigen backend, what is computed from one and kept, and the tree of dotted names that holds
// them.
//
// The numbers of a parameter are kept once, in the order in which they are used: the weights of convolutions as
// conv2d reads them (conv_weight.hpp), all else row-major.
#pragma once

#include <Eigen/Core>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "cnf/backend/eigen/conv_weight.hpp"

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
  /// What copies share.
  struct State {
    std::mutex mutex;
    std::uint64_t version = 0;
    V value{};
  };
  std::shared_ptr<State> state_ = std::make_shared<State>();
};

/// The numbers of a parameter: of four dimensions a weight, else an array.
template <class T>
struct Numbers {
  /// Of a parameter that is no weight.
  Eigen::Array<T, Eigen::Dynamic, 1> array;
  /// Of a parameter of four dimensions.
  ConvWeight<T> weight;
};

/// Numbers with the sizes that LibTorch would give them. A handle: copies share the numbers.
template <class T>
struct Parameter {
  /// What copies share.
  struct State {
    /// As LibTorch has them.
    std::vector<long> sizes;
    /// In the order in which they are used.
    Numbers<T> numbers;
    /// Another for every assignment.
    std::uint64_t version = 1;
    bool trained = true;  // not a buffer
  };
  /// Shared by copies.
  std::shared_ptr<State> state;

  /// Of one that is no convolution's weight.
  const Eigen::Array<T, Eigen::Dynamic, 1>& values() const { return state->numbers.array; }
  /// Of one that is a convolution's.
  const ConvWeight<T>& weight() const { return state->numbers.weight; }
  /// Of one dimension.
  long size(std::size_t dimension) const { return state->sizes[dimension]; }
  /// Whether it is a convolution's.
  bool is_weight() const { return state->sizes.size() == 4; }

  /// Caches made from the old numbers are stale.
  void assign(Numbers<T> numbers) const {
    state->numbers = std::move(numbers);
    ++state->version;
  }
};

template <class T>
struct Module {
  /// By name, in order of registration.
  std::vector<std::pair<std::string, Parameter<T>>> parameters;
  /// By name, in order of registration.
  std::vector<std::pair<std::string, std::unique_ptr<Module>>> children;

  /// Calls visit(dotted name, parameter) for all, in order of registration.
  template <class Visit>
  void for_each(const Visit& visit, const std::string& prefix = "") const {
    for (const auto& [name, p] : parameters) visit(prefix + name, p);
    for (const auto& [name, c] : children) c->for_each(visit, prefix + name + ".");
  }
};

}  // namespace cnf::eigen
