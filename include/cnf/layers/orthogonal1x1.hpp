// Orthogonal1x1: mixes the channels of every pixel by a rotation or reflection, a product of Householder reflections
// (Tomczak and Welling, 2016); log|det| = 0 by type, and the inverse is the transpose: no matrix is inverted.
//
//   y = H_1 ... H_K x,  H_k = 1 - 2 v_k v_k^T / v_k^T v_k
//
// K = Reflections, by default as many as channels, which reach every orthogonal matrix of that sign.
#pragma once

#include <string>

#include "cnf/core/layer.hpp"

namespace cnf {

template <int Reflections = 0>
struct Orthogonal1x1 {
  static_assert(Reflections >= 0,
                "cnf: Orthogonal1x1<Reflections> is a product of 1 or more; 0: one a channel");

  static std::string describe() {
    return Reflections == 0 ? "Orthogonal1x1" : "Orthogonal1x1<" + std::to_string(Reflections) + ">";
  }

  template <class In, class F>
  struct On : Elementwise<In> {
    static constexpr int count = Reflections > 0 ? Reflections : In::channels;
    static constexpr bool enough_channels = In::channels > 1;
    static constexpr bool valid = enough_channels;
    static constexpr bool volume_preserving = true;
    static constexpr long parameters = long{count} * In::channels;
    static constexpr long multiply_adds = long{In::channels} * In::channels * area<In>;

    static consteval bool check() {
      static_assert(enough_channels, "cnf: Orthogonal1x1 mixes channels, so it needs at least two");
      return true;
    }
  };

  template <class B, class In, class F>
  struct Bound {
    typename B::Parameter vectors;
    typename B::template Cache<typename B::Matrix> cached;

    explicit Bound(Scope<B> scope)
        : vectors(scope.parameter("vectors", {On<In, F>::count, In::channels}, initial::normal)) {}

    Forward<B, Orthogonal1x1, In, F> forward(Batch<B, In> x, const Maps<B, F>&) const {
      return {.y = Batch<B, In>(B::mix_channels(std::move(x.data), matrix()))};
    }
    Batch<B, In> inverse(Batch<B, In> y, const Maps<B, Latents<>>&, const Maps<B, F>&) const {
      return Batch<B, In>(B::mix_channels(std::move(y.data), B::transposed(matrix())));
    }

   private:
    auto matrix() const {
      return B::gradients_enabled() ? B::reflections(vectors)
                                    : cached.get(vectors, [&] { return B::reflections(vectors); });
    }
  };
};

}  // namespace cnf
