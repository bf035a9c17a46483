// A bound flow together with the convolutions of its feature maps that its networks share.
//
//   Conditioned<Flow, B, In, F> part(scope);
//   const auto h = part.prepare(maps);          // once for these maps
//   part.flow.forward(x, h);  part.flow.inverse(y, latents, h);
#pragma once

#include <memory>
#include <vector>

#include "cnf/core/layer.hpp"

namespace cnf {

template <class Flow, class B, class In, class F>
struct Conditioned {
  /// What the networks of the flow share.
  std::shared_ptr<Conditions<B>> conditions = std::make_shared<Conditions<B>>();
  /// The layers.
  bound_t<Flow, B, In, F> flow;

  /// The flow, bound under the scope.
  explicit Conditioned(Scope<B> scope) : flow(scope.sharing(conditions)) {}

  /// The maps, with what is computed once for them.
  Maps<B, F> prepare(Maps<B, F> maps) const {
    maps.prepared =
        std::make_shared<const Prepared<B>>(conditions, std::vector(maps.data.begin(), maps.data.end()));
    return maps;
  }
};

}  // namespace cnf
