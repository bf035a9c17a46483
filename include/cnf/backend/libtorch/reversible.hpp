// The backward pass of Reversible<L> (compose/reversible.hpp): undoes it layer by layer, the last one first.
// For each layer it rebuilds the input, runs the layer again with gradients from there, and sends the gradient
// of its output and log-det through. A layer with `rebuild` (couplings) does both with one run of its network.
#pragma once

#include <ATen/ATen.h>
#include <torch/csrc/autograd/autograd.h>
#include <torch/csrc/autograd/custom_function.h>
#include <torch/csrc/autograd/engine.h>

#include <algorithm>
#include <array>
#include <limits>
#include <optional>
#include <sstream>
#include <type_traits>
#include <vector>

#include "cnf/core/layer.hpp"

namespace cnf::libtorch {

/// How far a rebuilt input may be from the input, relative to the larger of 1 and its largest value. It follows the
/// arithmetic of networks: with 8 bits (bfloat16) or 10 (TF32, which LibTorch gives to float's convolutions on CUDA
/// unless told otherwise) they round inputs that differ in the last bit the other way, and what that adds to the rebuilt
/// input is below the rounding of their gradients.
inline double rebuilt_tolerance(const at::Tensor& state, std::optional<at::ScalarType> networks) {
  const auto type = networks.value_or(state.scalar_type());
  const bool is_coarse = type != at::kFloat && type != at::kDouble;
  const bool is_tf32 = type == at::kFloat && state.is_cuda() && at::globalContext().allowTF32CuDNN();
  if (is_coarse || is_tf32) return 1e-2;
  return state.scalar_type() == at::kDouble ? 1e-8 : 1e-3;
}

namespace detail {

/// Undoes a layer, and turns the gradient of its output, in place, into that of its input. Gradients of
/// parameters and features are added to theirs.
struct Rebuild {
  at::Tensor* grad;
  at::Tensor grad_log_det;

  template <class Layer, class Y, class None, class Maps>
  auto operator()(const Layer& layer, Y y, const None& none, const Maps& features) const {
    const auto leaf = [](const auto& make) {
      at::NoGradGuard no_grad;
      auto batch = make();
      batch.data = batch.data.detach().requires_grad_();
      return batch;
    };
    at::AutoGradMode with_gradients(true);
    if constexpr (requires { layer.rebuild(y, features, leaf); }) {
      const auto [parts, again] = layer.rebuild(y, features, leaf);
      send_back(parts, again);
      return Y(joined(parts, [](const at::Tensor& t) { return t.detach(); }));
    } else {
      auto x = leaf([&] { return layer.inverse(y, none, features); });
      send_back(std::array{x.data}, layer.forward(x, features));
      x.data = x.data.detach();
      return x;
    }
  }

 private:
  template <class Parts, class Result>
  void send_back(const Parts& parts, const Result& again) const {
    std::vector<at::Tensor> outputs{again.y.data}, gradients{*grad};
    if constexpr (!std::is_same_v<std::remove_cvref_t<decltype(again.log_det)>, NoLogDet>)
      if (again.log_det.requires_grad()) {
        outputs.push_back(again.log_det);
        gradients.push_back(again.log_det.dim() == 0 ? grad_log_det.sum()
                                                     : grad_log_det.expand_as(again.log_det));
      }
    torch::autograd::backward(outputs, gradients);
    *grad = joined(parts, [](const at::Tensor& t) { return t.grad(); });
  }

  template <std::size_t N, class Of>
  static at::Tensor joined(const std::array<at::Tensor, N>& parts, const Of& of) {
    if constexpr (N == 1) {
      return of(parts[0]);
    } else {
      std::vector<at::Tensor> all;
      for (const auto& p : parts) all.push_back(of(p));
      return at::cat(all, 1);
    }
  }
};

template <class Bound, class X, class Maps>
struct Rebuilt : torch::autograd::Function<Rebuilt<Bound, X, Maps>> {
  using Result = typename Bound::Result;
  using Context = torch::autograd::AutogradContext;
  static constexpr bool has_log_det = !std::is_same_v<decltype(Result::log_det), NoLogDet>;

  /// `trained` is a parameter: it makes the result one that has gradients.
  static std::vector<at::Tensor> forward(Context* context, const Bound* bound, const at::Tensor& x,
                                         const at::Tensor& trained, at::TensorList maps) {
    if (trained.defined()) context->saved_data["trained"] = trained.sizes().vec();
    auto result = bound->forward(X(x), with_maps(maps));
    std::vector<at::Tensor> saved{x, result.y.data};
    saved.insert(saved.end(), maps.begin(), maps.end());
    context->save_for_backward(saved);
    context->saved_data["bound"] = reinterpret_cast<std::int64_t>(bound);
    context->saved_data["x"] = x.requires_grad();
    if constexpr (has_log_det)
      return {result.y.data, result.log_det};
    else
      return {result.y.data};
  }

  static std::vector<at::Tensor> backward(Context* context, std::vector<at::Tensor> grads) {
    if (!torch::autograd::Engine::get_default_engine().is_checkpoint_valid())
      throw Error(
          "Reversible: expected gradients by backward() of all parameters, got autograd::grad() or "
          "backward() "
          "of some");
    const auto* bound = reinterpret_cast<const Bound*>(context->saved_data["bound"].toInt());
    const auto saved = context->get_saved_variables();
    std::vector<at::Tensor> maps(saved.begin() + 2, saved.end());
    for (auto& map : maps) map = map.detach().requires_grad_(map.requires_grad());
    auto grad = grads[0];
    const auto x = undone(*bound, Batch<typename X::backend, typename Bound::Out>(saved[1]),
                          cnf::Maps<typename X::backend, Latents<>>{}, with_maps(maps),
                          Rebuild{&grad, has_log_det ? grads[1] : at::Tensor()});
    const auto doubt = doubt_about(x.data, saved[0], rebuilt_tolerance(x.data, bound->precision));

    if (doubt.defined()) grad = grad + doubt;
    std::vector<at::Tensor> result{{}, context->saved_data["x"].toBool() ? grad : at::Tensor(), {}};
    if (doubt.defined() && context->saved_data.count("trained") > 0)
      result[2] = doubt.expand(context->saved_data["trained"].toIntVector());
    for (const auto& map : maps) result.push_back(map.grad());
    return result;
  }

 private:
  static Maps with_maps(at::TensorList maps) {
    Maps features;
    std::copy(maps.begin(), maps.end(), features.data.begin());
    return features;
  }

  /// Throws if the rebuilt input is far from the input. To throw would be to wait for a device: there the result, 0 or NaN
  /// on the device, is to be added to a parameter's gradient.
  static at::Tensor doubt_about(const at::Tensor& rebuilt, const at::Tensor& x, double tolerance) {
    const auto off = (rebuilt - x).abs().max() / x.abs().max().clamp_min(1);
    if (!x.is_cpu())
      return at::where(off <= tolerance, at::zeros({}, x.options()),
                       at::full({}, std::numeric_limits<double>::quiet_NaN(), x.options()));
    const double error = off.template item<double>();
    if (error <= tolerance) return {};
    std::ostringstream text;
    text << "Reversible: expected to rebuild the input within " << tolerance << " of its scale, got " << error
         << ": gradients would be wrong; train without Reversible, or with bounded scales or in double";
    throw Error(text.str());
  }
};

}  // namespace detail

/// bound(x) for a Reversible<L> or Repeat, with gradients that store x and the result alone.
template <class Bound, class X, class Maps>
typename Bound::Result rebuilt_backward(const Bound& bound, const X& x, const Maps& features) {
  at::Tensor trained;
  for (const auto& p : bound.module->parameters())
    if (p.requires_grad()) trained = p;
  auto results = detail::Rebuilt<Bound, X, Maps>::apply(
      &bound, x.data, trained, at::TensorList(features.data.data(), features.data.size()));
  typename Bound::Result result{.y = decltype(Bound::Result::y)(results[0])};
  if constexpr (detail::Rebuilt<Bound, X, Maps>::has_log_det) result.log_det = results[1];
  return result;
}

}  // namespace cnf::libtorch
