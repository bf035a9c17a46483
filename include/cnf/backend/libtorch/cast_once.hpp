// Parameters of networks in a precision of their own, converted once for a whole pass: two operations for all of them
// instead of two for each.
//
//   const CastOnce weights(model.parameters(), at::kBFloat16);       // while it lives, in this thread
//   loss(...).backward();
//
// The gradient of each is that of its converted copy.
#pragma once

#include <ATen/ATen.h>
#include <torch/csrc/autograd/custom_function.h>

#include <unordered_map>
#include <vector>

#include "cnf/backend/libtorch/flat.hpp"

namespace cnf::libtorch {

namespace detail {

struct CastAll : torch::autograd::Function<CastAll> {
  static torch::autograd::tensor_list forward(torch::autograd::AutogradContext* context,
                                              at::TensorList parameters, at::ScalarType dtype) {
    context->set_materialize_grads(false);
    const auto all = parameters.vec();
    // only their layout is needed, so they may change: ActNorm's first batch sets some
    std::vector<at::Tensor> like;
    for (const auto& p : all) like.push_back(p.detach());
    context->saved_data["like"] = like;
    std::vector<at::Tensor> copies;
    for (auto& x : split_flat(joined_flat(all, all).to(dtype), all)) copies.push_back(x);
    return copies;
  }
  static torch::autograd::tensor_list backward(torch::autograd::AutogradContext* context,
                                               torch::autograd::tensor_list grads) {
    std::vector<at::Tensor> like, given;
    torch::autograd::tensor_list of(grads.size() + 1);
    const auto parameters = context->saved_data["like"].toTensorVector();
    for (std::size_t i = 0; i < grads.size(); ++i)
      if (grads[i].defined()) {
        like.push_back(parameters[i]);
        given.push_back(grads[i]);
      }
    if (given.empty()) return of;
    const auto all = split_flat(joined_flat(given, like).to(like[0].scalar_type()), like);
    for (std::size_t i = 0, next = 0; i < grads.size(); ++i)
      if (grads[i].defined()) of[i] = all[next++];
    return of;
  }
};

}  // namespace detail

class CastOnce {
 public:
  /// Casts them, all at once.
  CastOnce(const std::vector<at::Tensor>& parameters, at::ScalarType dtype)
      : dtype_(dtype), outer_(current()) {
    current() = this;
    if (parameters.empty()) return;
    const auto copies = detail::CastAll::apply(at::TensorList(parameters), dtype);
    for (std::size_t i = 0; i < parameters.size(); ++i)
      copies_[parameters[i].unsafeGetTensorImpl()] = copies[i];
  }
  CastOnce(const CastOnce&) = delete;
  CastOnce& operator=(const CastOnce&) = delete;
  ~CastOnce() { current() = outer_; }

  /// A parameter in this precision: its copy, where one was made.
  static at::Tensor find(const at::Tensor& parameter, at::ScalarType dtype) {
    if (parameter.defined() && parameter.scalar_type() != dtype)
      for (const auto* at = current(); at; at = at->outer_)
        if (at->dtype_ == dtype)
          if (const auto found = at->copies_.find(parameter.unsafeGetTensorImpl());
              found != at->copies_.end())
            return found->second;
    return parameter.defined() ? parameter.to(dtype) : parameter;
  }

 private:
  static CastOnce*& current() {
    static thread_local CastOnce* innermost = nullptr;
    return innermost;
  }

  at::ScalarType dtype_;
  CastOnce* outer_;
  std::unordered_map<const c10::TensorImpl*, at::Tensor> copies_;
};

/// A network's parameter in the precision in which it computes.
inline at::Tensor cast(const at::Tensor& parameter, at::ScalarType dtype) {
  return CastOnce::find(parameter, dtype);
}

}  // namespace cnf::libtorch
