// Condition once: the convolutions of feature maps that a flow's networks start with, computed together.
//
// The first convolution of a coupling's or prior's network sees [z, h], and its part that sees h alone does
// not change from call to call: conv(z) + conv(h). Networks register that part while a flow is constructed
// (JointConv in nets/conv.hpp); Conditions::prepare convolves each map once for all of them; the K steps of a
// level, and all samples drawn for one input, read their share.
//
// With gradients, a share is a number without history: the network that reads it computes the gradients of
// its own weights and of h (backend's joint_conv).
#pragma once

#include <memory>
#include <vector>

namespace cnf {

/// The shares of one flow's networks for one batch of maps: by group, then by place in the group. An empty
/// group was not computed.
template <class B>
struct Prepared {
  std::vector<std::vector<typename B::Tensor>> groups;
};

template <class B>
class Conditions {
 public:
  /// What networks of one group have in common: their convolutions are one.
  struct Kind {
    int map = 0;
    int kernel = 3;
    typename B::Precision precision{};
    /// Nothing is computed for it while gradients are recorded: part of a Reversible layer, which may store
    /// nothing, or of no layer that is repeated.
    bool sampling_only = false;
    bool operator==(const Kind&) const = default;
  };

  /// Where a network finds its share; of no network when `group` is negative.
  struct Slot {
    int group = -1;
    int place = 0;
  };

  Slot add(const Kind& kind, const typename B::Parameter& weight, const typename B::Parameter& bias) {
    std::size_t g = 0;
    while (g < groups_.size() && !(groups_[g].kind == kind)) ++g;
    if (g == groups_.size()) groups_.push_back({kind, {}, {}});
    groups_[g].weights.push_back(weight);
    groups_[g].biases.push_back(bias);
    return {int(g), int(groups_[g].weights.size()) - 1};
  }

  /// From the maps of a flow, one tensor each.
  template <class Tensors>
  std::shared_ptr<const Prepared<B>> prepare(const Tensors& maps) const {
    auto prepared = std::make_shared<Prepared<B>>();
    for (const auto& g : groups_)
      if (g.kind.sampling_only && B::gradients_enabled())
        prepared->groups.emplace_back();
      else
        prepared->groups.push_back(B::shared_convs(maps[std::size_t(g.kind.map)], g.weights, g.biases,
                                                   g.kind.kernel / 2, g.kind.precision));
    return prepared;
  }

 private:
  struct Group {
    Kind kind;
    std::vector<typename B::Parameter> weights, biases;
  };
  std::vector<Group> groups_;
};

}  // namespace cnf
