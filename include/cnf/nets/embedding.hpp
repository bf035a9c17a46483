// Embedding<Classes, Width>: an integer label 0 .. Classes - 1 to a learnt vector; per pixel on maps of labels.
//
//   model.given(labels)        (N, 1, 1, 1), any dtype
//
// A label out of range, or between two: Error that names it; on a GPU, which it does not wait for, NaN instead.
#pragma once

#include <cmath>
#include <sstream>
#include <string>

#include "cnf/core/layer.hpp"

namespace cnf {

template <int Classes, int Width>
struct Embedding {
  static_assert(
      Classes > 0 && Classes <= 1 << 24 && Width > 0,
      "cnf: Embedding<Classes, Width> needs 1 to 2^24 classes, which float can count, and a positive width");

  static std::string describe() {
    return "Embedding<" + std::to_string(Classes) + ", " + std::to_string(Width) + ">";
  }

  template <class In>
  struct On : Elementwise<In> {
    using output = Features<with_channels<In, Width>>;
    static constexpr bool valid = In::channels == 1;
    static constexpr int radius = 0, width = Width;
    static constexpr long parameters = long{Classes} * Width;

    static consteval bool check() {
      static_assert(valid, "cnf: Embedding takes one label, an input of one channel");
      return true;
    }
  };

  template <class B, class In>
  struct Bound {
    typename B::Parameter table;

    explicit Bound(Scope<B> scope) : table(scope.parameter("table", {Classes, Width}, initial::normal)) {}

    Maps<B, typename On<In>::output> operator()(const Batch<B, In>& x) const {
      expect_labels(x.data);
      return {.data = {B::embedded(x.data, table)}};
    }

   private:
    static void expect_labels(const typename B::Tensor& x) {
      if constexpr (requires { B::waits_for(x); })
        if (B::waits_for(x)) return;
      if (B::all_integers_within(x, 0, Classes - 1)) return;
      for (const double label : B::to_host(x))
        if (!(label >= 0 && label < Classes && label == std::floor(label))) {
          std::ostringstream text;
          text << "expected labels 0.." << Classes - 1 << ", got " << label;
          throw Error(text.str());
        }
    }
  };
};

}  // namespace cnf
