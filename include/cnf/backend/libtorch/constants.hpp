// Numbers that never change, as tensors: each is uploaded once to a device and kept, since an upload waits for the device
// and can't be captured in a graph.
#pragma once

#include <ATen/ATen.h>

#include <map>
#include <mutex>
#include <tuple>
#include <vector>

namespace cnf::libtorch {

/// `values` with these sizes, in the type and on the device of `options`. Not to be written to.
inline at::Tensor constants(const std::vector<double>& values, const std::vector<std::int64_t>& sizes,
                            const at::TensorOptions& options) {
  const auto make = [&] {
    return at::from_blob(const_cast<double*>(values.data()), sizes, at::kDouble)
        .to(options.requires_grad(false), /*non_blocking=*/false, /*copy=*/true);
  };
  if (options.device().is_cpu()) return make();
  using Key = std::tuple<std::vector<double>, std::vector<std::int64_t>, at::ScalarType, at::DeviceType, int>;
  static std::mutex mutex;
  static auto& kept = *new std::map<Key, at::Tensor>;  // never destroyed: the device may be gone before
  const std::lock_guard lock(mutex);
  auto& tensor = kept[{values, sizes, c10::typeMetaToScalarType(options.dtype()), options.device().type(),
                       int(options.device().index())}];
  if (!tensor.defined()) {
    const at::NoGradGuard no_grad;
    tensor = make();
  }
  return tensor;
}

}  // namespace cnf::libtorch
