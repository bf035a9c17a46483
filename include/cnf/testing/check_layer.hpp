// Does a layer keep the promises of core/layer.hpp? Measured on LibTorch, in double, for one fixed shape.
//
//   using namespace cnf;
//   const auto report = testing::check_layer<MyLayer, Shape<6, 4, 4>, Features<Shape<3, 4, 4>>>();
//   if (!report.ok()) std::cerr << report.text();
//
// On a GPU with `.device = "cuda"`. The layer is bound, initialised by one random batch in training mode, and its parameters are moved by
// random noise. Then, in evaluation mode: inverse undoes forward, both ways; log_det is
// log|det d(y, latents)/dx| of the Jacobian that autograd gives, for every sample (nats); no sample
// influences another; gradients agree with central differences; what reads a feature map reads all of its
// channels (and must read one, with `.expect_conditional = true`). A layer that fails, or throws, gives
// findings in words, never a crash.
#pragma once

#include <algorithm>

#include "cnf/core/describe.hpp"
#include "cnf/testing/checker.hpp"

namespace cnf::testing {

namespace detail {

/// Two samples of each shape.
template <template <class...> class List, class... S>
Tensors random_maps(List<S...>, [[maybe_unused]] std::uint64_t seed, [[maybe_unused]] long draw,
                    [[maybe_unused]] const std::string& device) {
  return {noise_batch<libtorch::Backend>(
      {.seed = seed, .first_draw = draw++}, Stream::user, 0, Distribution::normal, 1,
      {2, S::channels, S::height, S::width},
      at::empty({0}, at::TensorOptions(at::kDouble).device(at::Device(device))))...};
}

template <class Spec, class In, class F, class Layer>
ErasedLayer erased(const Layer& layer) {
  using B = libtorch::Backend;
  using on = typename Spec::template On<In, F>;
  const auto as_maps = []<class List>(List, const auto* first) {
    Maps<B, List> maps;
    std::copy_n(first, List::count, maps.data.begin());
    return maps;
  };
  return {.forward =
              [&layer, as_maps](const at::Tensor& x, const Tensors& maps) {
                auto out = layer.forward(Batch<B, In>(x), as_maps(F{}, maps.data()));
                Outputs all{.parts = {out.y.data}};
                for (auto& latent : out.latents.data) all.parts.push_back(latent);
                if constexpr (!std::is_same_v<decltype(out.log_det), NoLogDet>) all.log_det = out.log_det;
                return all;
              },
          .inverse =
              [&layer, as_maps](const Tensors& parts, const Tensors& maps) {
                return layer
                    .inverse(Batch<B, typename on::output>(parts[0]),
                             as_maps(typename on::latents{}, parts.data() + 1), as_maps(F{}, maps.data()))
                    .data;
              }};
}

}  // namespace detail

template <class Spec, class In, class F = Features<>>
CheckReport check_layer(const CheckOptions& options = {}) {
  using B = libtorch::Backend;
  using on = checked_t<Spec, In, F>;
  using Result = decltype(std::declval<const bound_t<Spec, B, In, F>&>().forward(std::declval<Batch<B, In>>(),
                                                                                 std::declval<Maps<B, F>>()));
  static_assert(is_fixed_shape<In>, "cnf: check_layer measures a layer on one fixed shape");
  CheckReport report{.layer = describe<Spec>(), .input = shape_text<In>(), .bounds = options};
  if (std::is_same_v<decltype(Result::log_det), NoLogDet> != on::volume_preserving)
    report.findings.push_back("log_det must be NoLogDet if, and only if, the layer is volume_preserving");
  try {
    torch::nn::Module module;
    const bound_t<Spec, B, In, F> layer(Scope<B>(module, options.seed));
    module.to(at::Device(options.device));
    detail::Checker(detail::erased<Spec, In, F>(layer), module, report,
                    detail::random_maps(Latents<In>{}, options.seed, 0, options.device)[0],
                    detail::random_maps(F{}, options.seed, 1, options.device))
        .run();
    if (report.parameters != on::parameters)
      report.findings.push_back("On::parameters says " + std::to_string(on::parameters) + ", trained are " +
                                std::to_string(report.parameters));
  } catch (const std::exception& error) {
    const std::string text = error.what();
    report.findings.push_back("throws: " + text.substr(0, text.find('\n')));
  }
  return report;
}

}  // namespace cnf::testing
