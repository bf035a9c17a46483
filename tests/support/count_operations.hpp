// Counts the operations that LibTorch dispatches while something runs, the backward pass's too. Each would be a kernel or
// a few on a GPU, so the number tells on the CPU what a step launches there.
#pragma once

#include <ATen/record_function.h>

#include <atomic>
#include <map>
#include <mutex>
#include <string>

namespace operations {

struct Counted {
  long all = 0;
  std::map<std::string, long> by_name;
};

namespace detail {
inline Counted* counted = nullptr;
inline std::mutex mutex;

inline bool is_view(const std::string& name) {
  static const std::map<std::string, bool> views{{"aten::view", true},
                                                 {"aten::narrow", true},
                                                 {"aten::slice", true},
                                                 {"aten::expand", true},
                                                 {"aten::permute", true},
                                                 {"aten::transpose", true},
                                                 {"aten::t", true},
                                                 {"aten::unsqueeze", true},
                                                 {"aten::squeeze", true},
                                                 {"aten::as_strided", true},
                                                 {"aten::detach", true},
                                                 {"aten::reshape", true},
                                                 {"aten::split_with_sizes", true},
                                                 {"aten::empty", true},
                                                 {"aten::empty_like", true},
                                                 {"aten::empty_strided", true},
                                                 {"aten::select", true},
                                                 {"aten::flatten", true},
                                                 {"aten::resolve_conj", true},
                                                 {"aten::resolve_neg", true},
                                                 {"aten::result_type", true},
                                                 {"aten::unbind", true},
                                                 {"aten::contiguous", true},
                                                 {"aten::to", true},
                                                 {"aten::expand_as", true},
                                                 {"aten::view_as", true},
                                                 {"aten::alias", true},
                                                 {"aten::is_nonzero", true},
                                                 {"aten::resize_", true},
                                                 {"aten::set_", true},
                                                 {"aten::_reshape_alias", true},
                                                 {"aten::_unsafe_view", true},
                                                 {"aten::zeros", true},
                                                 {"aten::zeros_like", true},
                                                 {"aten::stack", true},
                                                 {"aten::conv2d", true},
                                                 {"aten::convolution", true},
                                                 {"aten::_convolution", true},
                                                 {"aten::clone", true},
                                                 {"aten::_to_copy", true},
                                                 {"aten::full", true},
                                                 {"aten::full_like", true},
                                                 {"aten::item", true},
                                                 {"aten::chunk", true},
                                                 {"aten::split", true},
                                                 {"aten::as_strided_", true},
                                                 {"aten::lift_fresh", true},
                                                 {"aten::slogdet", true},
                                                 {"aten::matmul", true},
                                                 {"aten::scalar_tensor", true}};
  return views.contains(name);
}
}  // namespace detail

/// What `run` dispatches, kernels of ours included, that computes or copies: views, and names for other operations, are left out.
template <class Run>
Counted count(const Run& run) {
  Counted result;
  detail::counted = &result;
  const auto handle = at::addGlobalCallback(
      at::RecordFunctionCallback([](const at::RecordFunction& f) -> std::unique_ptr<at::ObserverContext> {
        const std::string name = f.name();
        const bool is_ours = name.starts_with("cnf::");
        if (!is_ours && (!name.starts_with("aten::") || detail::is_view(name))) return nullptr;
        const std::lock_guard lock(detail::mutex);
        ++detail::counted->all;
        ++detail::counted->by_name[name];
        return nullptr;
      }).scopes({at::RecordScope::FUNCTION}));
  run();
  at::removeCallback(handle);
  return result;
}

}  // namespace operations
