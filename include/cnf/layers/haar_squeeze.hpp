// HaarSqueeze: 2x2 space-to-depth in the basis of Haar's wavelets (as in Ardizzone et al., Guided image generation with
// conditional invertible neural networks, 2019), (C, H, W) -> (4C, H/2, W/2). Orthonormal: log|det| = 0 by type.
//
//   of the pixels a b   channel c       (a + b + c + d) / 2    the coarse image
//                 c d   channel C + c   (a - b + c - d) / 2    2C + c: (a + b - c - d) / 2    3C + c: (a - b - c + d) / 2
//
// The coarse images come first: a Split after it sends details away. Height and width must be even: a compile error otherwise.
#pragma once

#include <array>

#include "cnf/layers/permute.hpp"
#include "cnf/layers/squeeze.hpp"

namespace cnf {

struct HaarSqueeze {
  static std::string describe() { return "HaarSqueeze"; }

  template <class In, class F>
  struct On : Squeeze::On<In, F> {
    static consteval bool check() {
      static_assert(Squeeze::On<In, F>::valid,
                    "cnf: HaarSqueeze halves height and width, so both must be even");
      return true;
    }
  };

  template <class B, class In, class F>
  struct Bound {
    using Out = typename On<In, F>::output;

    explicit Bound(Scope<B>) {}

    Forward<B, HaarSqueeze, In, F> forward(Batch<B, In> x, const Maps<B, F>&) const {
      // band by band: channel k * C + c of channel c * 4 + k
      return {.y =
                  Batch<B, Out>(rotated(B::permute_channels(B::space_to_depth(std::move(x.data)), by_band)))};
    }
    Batch<B, In> inverse(Batch<B, Out> y, const Maps<B, Latents<>>&, const Maps<B, F>&) const {
      return Batch<B, In>(B::depth_to_space(B::permute_channels(rotated(y.data), by_channel)));
    }

   private:
    using Tensor = typename B::Tensor;
    static constexpr int channels = In::channels;
    static constexpr auto by_band = [] {
      std::array<int, 4 * channels> source{};
      for (int k = 0; k < 4; ++k)
        for (int c = 0; c < channels; ++c) source[std::size_t(k * channels + c)] = 4 * c + k;
      return source;
    }();
    static constexpr auto by_channel = detail::undoing(by_band);

    /// Its own inverse.
    static Tensor rotated(const Tensor& x) {
      const auto part = [&](int k) { return B::channels_of(x, k * channels, channels); };
      const auto left = part(0) + part(2), right = part(1) + part(3), top = part(0) - part(2),
                 bottom = part(1) - part(3);
      return B::concat(B::concat((left + right) * 0.5, (left - right) * 0.5),
                       B::concat((top + bottom) * 0.5, (top - bottom) * 0.5));
    }
  };
};

}  // namespace cnf
