// Rrdb<Blocks, Growth, Width, Levels>: residual-in-residual dense blocks (Wang et al., ESRGAN, 2018), the
// paper's extractor for super-resolution, with one feature map per level.
//
//   conv 3x3 -> Width
//   Blocks x [3 dense blocks of 5 convolutions, growth Growth, LeakyReLU 0.2, residual scale 0.2, twice]
//   trunk convolution, long skip, LeakyReLU; a 2x2 convolution of stride 2 for each further level
//
// Input (C, h, w); maps (Width, h, w), (Width, h/2, w/2), ... The paper: Rrdb<16, 32, 128, 2>, 24.1 M
// parameters.
#pragma once

#include <vector>

#include "cnf/nets/conv.hpp"
#include "cnf/nets/extractor.hpp"

namespace cnf {

namespace detail {

constexpr ConvShape dense_conv(int width, int growth, int index) {
  return {.in = width + index * growth, .out = index == 4 ? width : growth};
}

constexpr long dense_block_weights(int width, int growth) {
  long n = 0;
  for (int i = 0; i < 5; ++i) n += dense_conv(width, growth, i).weights();
  return n;
}

template <class B>
struct DenseBlock {
  std::vector<Conv<B>> convs;

  DenseBlock(Scope<B> scope, int width, int growth) {
    convs.reserve(5);
    for (int i = 0; i < 5; ++i) convs.emplace_back(scope.child(i), dense_conv(width, growth, i));
  }

  typename B::Tensor operator()(const typename B::Tensor& x) const {
    auto seen = x;
    for (std::size_t i = 0; i < 4; ++i) seen = B::concat(seen, B::leaky_relu(convs[i](seen), 0.2));
    return x + 0.2 * convs[4](seen);
  }
};

}  // namespace detail

template <int Blocks, int Growth, int Width, int Levels>
struct Rrdb {
  static_assert(Blocks > 0 && Growth > 0 && Width > 0 && Levels > 0,
                "cnf: Rrdb<Blocks, Growth, Width, Levels> needs positive numbers");

  static std::string describe() {
    return "Rrdb<" + std::to_string(Blocks) + ", " + std::to_string(Growth) + ", " + std::to_string(Width) +
           ", " + std::to_string(Levels) + ">";
  }

  static constexpr ConvShape head(int in) { return {.in = in, .out = Width}; }
  static constexpr ConvShape trunk() { return {.in = Width, .out = Width}; }
  static constexpr ConvShape down() { return {.in = Width, .out = Width, .kernel = 2, .stride = 2}; }

  template <class In>
  struct On {
    static constexpr bool valid = can_halve(In::height, Levels - 1) && can_halve(In::width, Levels - 1);
    using output = typename detail::pyramid<In, Width, Levels>::type;
    static constexpr int radius = 1 + 15 * Blocks + 1;  // the halving convolutions see no neighbours
    static constexpr int width = Width + 4 * Growth;
    static constexpr long parameters =
        head(In::channels).parameters() +
        Blocks * 3 * (detail::dense_block_weights(Width, Growth) + 4 * Growth + Width) +
        trunk().parameters() + (Levels - 1) * down().parameters();
    static constexpr long multiply_adds = [] {
      long n = area<In> * (head(In::channels).weights() +
                           Blocks * 3 * detail::dense_block_weights(Width, Growth) + trunk().weights());
      for (long level = 1, pixels = area<In> / 4; level < Levels; ++level, pixels /= 4)
        n += pixels * down().weights();
      return n;
    }();

    static consteval bool check() {
      static_assert(valid, "cnf: Rrdb halves height and width once per further level, so both must divide");
      return true;
    }
  };

  template <class B, class In>
  struct Bound {
    Conv<B> first, last;
    std::vector<detail::DenseBlock<B>> blocks;
    std::vector<Conv<B>> downs;

    explicit Bound(Scope<B> scope)
        : first(scope.child("first"), head(In::channels)), last(scope.child("trunk"), trunk()) {
      blocks.reserve(3 * Blocks);
      for (int i = 0; i < Blocks; ++i)
        for (int j = 0; j < 3; ++j)
          blocks.emplace_back(scope.child("blocks").child(i).child(j), Width, Growth);
      downs.reserve(Levels - 1);
      for (int level = 1; level < Levels; ++level)
        downs.emplace_back(scope.child("down").child(level), down());
    }

    Maps<B, typename On<In>::output> operator()(const Batch<B, In>& x) const {
      const auto start = first(x.data);
      auto body = start;
      for (std::size_t i = 0; i < std::size_t(Blocks); ++i) {
        auto inner = body;
        for (std::size_t j = 0; j < 3; ++j) inner = blocks[3 * i + j](inner);
        body = body + 0.2 * inner;
      }
      Maps<B, typename On<In>::output> maps;
      maps.data[0] = B::leaky_relu(start + last(body), 0.2);
      for (std::size_t level = 1; level < std::size_t(Levels); ++level)
        maps.data[level] = B::leaky_relu(downs[level - 1](maps.data[level - 1]), 0.2);
      return maps;
    }
  };
};

}  // namespace cnf
