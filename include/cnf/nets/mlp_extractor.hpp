// MlpExtractor<Widths...>: a vector to a vector, by linear maps with ReLU between them; the last width is the result's.
//
//   MlpExtractor<64, 64, 16>     Shape<D> -> 64 -> 64 -> 16
//
// On images: the same at every pixel.
#pragma once

#include <array>
#include <string>
#include <utility>
#include <vector>

#include "cnf/nets/conv.hpp"

namespace cnf {

template <int... Widths>
struct MlpExtractor {
  static_assert(sizeof...(Widths) > 0 && ((Widths > 0) && ...),
                "cnf: MlpExtractor<Widths...> needs one or more positive widths");

  static std::string describe() {
    std::string text;
    ((text += (text.empty() ? "" : ", ") + std::to_string(Widths)), ...);
    return "MlpExtractor<" + text + ">";
  }

  /// Of its layers.
  static constexpr std::array<int, sizeof...(Widths)> widths{Widths...};

  template <class In>
  struct On : Elementwise<In> {
    using output = Features<with_channels<In, widths.back()>>;
    static constexpr int radius = 0, width = std::max({In::channels, Widths...});
    static constexpr ConvShape linear(std::size_t i) {
      return {.in = i == 0 ? In::channels : widths[i - 1], .out = widths[i], .kernel = 1};
    }
    static constexpr long parameters = [] {
      long n = 0;
      for (std::size_t i = 0; i < widths.size(); ++i) n += linear(i).parameters();
      return n;
    }();
    static constexpr long multiply_adds = [] {
      long n = 0;
      for (std::size_t i = 0; i < widths.size(); ++i) n += linear(i).weights();
      return n * area<In>;
    }();
  };

  template <class B, class In>
  struct Bound {
    std::vector<Conv<B>> linear;

    explicit Bound(Scope<B> scope) {
      for (std::size_t i = 0; i < widths.size(); ++i)
        linear.emplace_back(scope.child(int(i)), On<In>::linear(i));
    }

    Maps<B, typename On<In>::output> operator()(const Batch<B, In>& x) const {
      auto a = linear[0](x.data);
      for (std::size_t i = 1; i < linear.size(); ++i) a = linear[i](B::relu(std::move(a)));
      return {.data = {B::to_state(a, x.data)}};
    }
  };
};

}  // namespace cnf
