// What is computed from a parameter and kept: inverses, log-determinants, flags.
#pragma once

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include <cstdint>
#include <memory>
#include <mutex>
#include <type_traits>

namespace cnf::libtorch {

/// A value computed from a parameter and kept while the parameter doesn't change; safe to share between
/// threads. A flag is kept on every device, other values on the CPU alone: to see whether numbers changed would wait for
/// a device, and a captured graph must compute anew.
template <class T>
class Cache {
 public:
  /// What compute() gave for this parameter as it is.
  template <class Compute>
  T get(const at::Tensor& p, const Compute& compute) const {
    if (!std::is_same_v<T, bool> && (at::GradMode::is_enabled() || !p.is_cpu())) return compute();
    const std::lock_guard lock(state_->mutex);
    if (!state_->made_from(p)) {
      state_->value = compute();
      state_->version = p._version();
      state_->at = p.data_ptr();
      if (!std::is_same_v<T, bool>) state_->numbers = p.detach().clone();
    }
    return state_->value;
  }

 private:
  struct State {
    std::mutex mutex;
    std::int64_t version = -1;
    const void* at = nullptr;
    at::Tensor numbers;
    T value{};

    /// A flag's version tells. A trained parameter's doesn't: SGD steps through data(), which keeps it.
    bool made_from(const at::Tensor& p) const {
      if (std::is_same_v<T, bool>) return version == p._version() && at == p.data_ptr();
      return numbers.defined() && numbers.scalar_type() == p.scalar_type() && numbers.equal(p);
    }
  };
  std::shared_ptr<State> state_ = std::make_shared<State>();
};

}  // namespace cnf::libtorch
