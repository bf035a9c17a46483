// A network of one's own: any torch::nn::Module, or a TorchScript file, as the network of a layer or as extractor. LibTorch
// only; include this header beside cnf/libtorch.hpp.
//
//   struct Mine {
//     static std::string describe() { return "Mine"; }
//     static torch::nn::Sequential make(int in, int out) { return torch::nn::Sequential(...); }   // in: channels of [z, h]
//   };
//   AffineCoupling<libtorch::TorchNet<Mine>>
//
//   struct Trunk {
//     static std::string describe() { return "Trunk"; }
//     static torch::jit::Module make(int) { return torch::jit::load("trunk.pt"); }
//   };
//   libtorch::TorchExtractor<Trunk, Features<Shape<64, dynamic / 2, dynamic / 2>>>
//
// `make` returns a module holder, a std::shared_ptr of a module, or a torch::jit::Module; its forward takes one tensor and
// returns one, an extractor's also several, one for each map. The shapes that the type declares are checked whenever it is called:
// Error. Its parameters and buffers are saved, moved and trained with the rest; they start as `make` leaves them, so a
// network whose last map is zero starts as the identity. It computes in the precision of its parameters. `describe` names it in
// checkpoints.
//
// What Mine may say beside: `static constexpr long parameters(int in, int out)` (an extractor's: of in alone), for tables and
// counts; `static constexpr int radius`, how far it looks, in pixels, for tiles (core/tiles.hpp): without it, it gets the whole image.
#pragma once

#include <torch/script.h>

#include <memory>
#include <set>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "cnf/libtorch.hpp"

namespace cnf::libtorch {

namespace detail {

/// A TorchScript module as a torch::nn::Module that has its parameters.
class Script : public torch::nn::Module {
 public:
  explicit Script(torch::jit::Module script) : script_(std::move(script)) {
    script_.train(is_training());
    std::set<const void*> known;
    adopt(*this, script_, known);
  }

  void train(bool on = true) override {
    torch::nn::Module::train(on);
    script_.train(on);
  }
  c10::IValue forward(const at::Tensor& x) { return script_.forward({x}); }

 private:
  /// `known`: what is there already, of parameters that have two names.
  static void adopt(torch::nn::Module& to, const torch::jit::Module& from, std::set<const void*>& known) {
    for (const auto& p : from.named_parameters(/*recurse=*/false))
      if (known.insert(p.value.unsafeGetTensorImpl()).second)
        to.register_parameter(p.name, p.value, p.value.requires_grad());
    for (const auto& b : from.named_buffers(/*recurse=*/false))
      if (known.insert(b.value.unsafeGetTensorImpl()).second) to.register_buffer(b.name, b.value);
    for (const auto& c : from.named_children())
      adopt(*to.register_module(c.name, std::make_shared<torch::nn::Module>()), c.value, known);
  }

  torch::jit::Module script_;
};

inline std::shared_ptr<Script> shared(torch::jit::Module script) {
  return std::make_shared<Script>(std::move(script));
}
template <class M>
std::shared_ptr<M> shared(std::shared_ptr<M> module) {
  return module;
}
template <class Holder>
auto shared(const Holder& holder) -> std::remove_cvref_t<decltype(holder.ptr())> {
  return holder.ptr();
}

/// What a module returned, as tensors.
inline std::vector<at::Tensor> tensors_of(at::Tensor one) { return {std::move(one)}; }
inline std::vector<at::Tensor> tensors_of(std::vector<at::Tensor> several) { return several; }
inline std::vector<at::Tensor> tensors_of(const c10::IValue& value) {
  if (value.isTensor()) return {value.toTensor()};
  if (value.isTensorList()) return value.toTensorVector();
  std::vector<at::Tensor> all;
  if (value.isTuple())
    for (const auto& element : value.toTupleRef().elements())
      if (element.isTensor()) all.push_back(element.toTensor());
  return all;
}

/// A module of a scope: `what` is named in errors.
template <class Module>
class Adopted {
 public:
  Adopted(const Scope<Backend>& scope, std::shared_ptr<Module> module, std::string what)
      : module_(scope.module().register_module("module", std::move(module))), what_(std::move(what)) {
    Backend::place(*module_, {.dtype = at::kDouble});  // as every parameter before its model is placed
  }

  /// Of these sizes, in the precision of x.
  std::vector<at::Tensor> operator()(const at::Tensor& x,
                                     const std::vector<std::vector<std::int64_t>>& expected) const {
    auto input = x;
    for (const auto& p : module_->parameters()) {
      input = x.to(p.scalar_type());
      break;
    }
    auto all = tensors_of(module_->forward(input));
    if (all.size() != expected.size())
      throw Error(what_ + ": expected " + std::to_string(expected.size()) + " tensors from its module, got " +
                  std::to_string(all.size()));
    for (std::size_t i = 0; i < all.size(); ++i) {
      if (all[i].sizes().vec() != expected[i])
        throw Error(what_ + ": expected " + text(expected[i]) + " from its module, got " +
                    text(all[i].sizes().vec()));
      all[i] = all[i].to(x.scalar_type()).contiguous();
    }
    return all;
  }

 private:
  static std::string text(const std::vector<std::int64_t>& sizes) {
    std::string t;
    for (const auto s : sizes) t += (t.empty() ? "(" : ", ") + std::to_string(s);
    return t + ")";
  }

  std::shared_ptr<Module> module_;
  std::string what_;
};

template <class Mine, class... Arguments>
consteval long stated_parameters(Arguments... arguments) {
  if constexpr (requires { Mine::parameters(arguments...); })
    return Mine::parameters(arguments...);
  else
    return 0;
}
template <class Mine>
consteval int stated_radius() {
  if constexpr (requires { Mine::radius; })
    return Mine::radius;
  else
    return unbounded;
}

}  // namespace detail

template <class Mine>
struct TorchNet {
  static_assert(
      cnf::detail::is_described<Mine> && requires { Mine::make(1, 1); },
      "cnf: TorchNet<Mine> needs `static std::string describe()` and `static auto make(int in, int out)`, "
      "which returns a module");

  static std::string describe() { return "TorchNet<" + Mine::describe() + ">"; }

  template <class In, class Condition, int Out>
  struct On {
    static constexpr int in = In::channels + Condition::channels;
    using output = with_channels<In, Out>;
    static constexpr int radius = detail::stated_radius<Mine>();
    static constexpr int width = in + Out;
    static constexpr long parameters = detail::stated_parameters<Mine>(in, Out);
    static constexpr long multiply_adds = parameters * area<In>;
  };

  template <class B, class In, class Condition, int Out>
  struct Bound {
    static_assert(std::is_same_v<B, Backend>, "cnf: TorchNet computes on LibTorch alone");
    using Module = typename decltype(detail::shared(Mine::make(0, 0)))::element_type;
    detail::Adopted<Module> module;

    explicit Bound(Scope<B> scope)
        : module(scope, detail::shared(Mine::make(On<In, Condition, Out>::in, Out)), describe()) {}

    Batch<B, with_channels<In, Out>> operator()(const Batch<B, In>& z, const SeenMap<B, Condition>& h) const {
      const auto x = In::channels == 0          ? h.data
                     : Condition::channels == 0 ? z.data
                                                : B::concat(z.data, h.data);
      return Batch<B, with_channels<In, Out>>(module(x, {{x.size(0), Out, x.size(2), x.size(3)}})[0]);
    }
  };
};

template <class Mine, class Output>
struct TorchExtractor {
  static_assert(
      cnf::detail::is_described<Mine> && requires { Mine::make(1); },
      "cnf: TorchExtractor<Mine, Features<...>> needs `static std::string describe()` and `static auto "
      "make(int in)`, which returns a module");

  static std::string describe() {
    return "TorchExtractor<" + Mine::describe() + ", " + shapes_text(Output{}) + ">";
  }

  template <class In>
  struct On : Elementwise<In> {
    using output = Output;
    static constexpr int radius = detail::stated_radius<Mine>(), width = In::channels;
    static constexpr long parameters = detail::stated_parameters<Mine>(In::channels);
  };

  template <class B, class In>
  struct Bound {
    static_assert(std::is_same_v<B, Backend>, "cnf: TorchExtractor computes on LibTorch alone");
    using Module = typename decltype(detail::shared(Mine::make(0)))::element_type;
    detail::Adopted<Module> module;

    explicit Bound(Scope<B> scope) : module(scope, detail::shared(Mine::make(In::channels)), describe()) {}

    Maps<B, Output> operator()(const Batch<B, In>& x) const { return maps(x.data, Output{}); }

   private:
    template <class... S>
    Maps<B, Output> maps(const at::Tensor& x, Features<S...>) const {
      // the target's extents, of which x's are a part
      const Extents target{x.size(2) * divisor_of(In::height), x.size(3) * divisor_of(In::width)};
      const auto all = module(x, {{x.size(0), S::channels, resolve(S::height, target.height),
                                   resolve(S::width, target.width)}...});
      Maps<B, Output> result;
      std::copy(all.begin(), all.end(), result.data.begin());
      return result;
    }
  };
};

}  // namespace cnf::libtorch
