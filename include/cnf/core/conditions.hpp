// Condition once: the convolutions of feature maps that a flow's networks start with, computed together.
//
// The first convolution of a coupling's or prior's network sees [z, h], and its part that sees h alone does
// not change from call to call: conv(z) + conv(h). Networks register that part while a flow is constructed
// (JointConv in nets/conv.hpp); the first that needs its share has each map convolved once for all of them; the K
// steps of a level, and all samples drawn for one input, read theirs.
//
// With gradients, a share is a number without history: the network that reads it computes the gradients of
// its own weights and of h (backend's joint_conv). Nothing reads it again, so the shares of a level are gone when
// its last network has read: a training step never holds those of two levels.
#pragma once

#include <memory>
#include <mutex>
#include <optional>
#include <utility>
#include <vector>

namespace cnf {

template <class B>
class Conditions {
 public:
  /// What networks of one group have in common: their convolutions are one.
  struct Kind {
    /// Which of the feature maps.
    int map = 0;
    /// Pixels of a side.
    int kernel = 3;
    /// In which it is computed.
    typename B::Precision precision{};
    /// Nothing is computed for it while gradients are recorded: part of a Reversible layer, which may store
    /// nothing, or of no layer that is repeated.
    bool sampling_only = false;
    bool operator==(const Kind&) const = default;
  };

  /// Convolutions of one map that are one.
  struct Group {
    /// What its convolutions have in common.
    Kind kind;
    /// One of each a network.
    std::vector<typename B::Parameter> weights, biases;
  };

  /// Where a network finds its share; of no network when `group` is negative.
  struct Slot {
    /// Which group.
    int group = -1;
    /// Which convolution of the group.
    int place = 0;
  };

  /// One more convolution of a map, when a network is bound.
  Slot add(const Kind& kind, const typename B::Parameter& weight, const typename B::Parameter& bias) {
    std::size_t g = 0;
    while (g < groups_.size() && !(groups_[g].kind == kind)) ++g;
    if (g == groups_.size()) groups_.push_back({kind, {}, {}});
    groups_[g].weights.push_back(weight);
    groups_[g].biases.push_back(bias);
    return {int(g), int(groups_[g].weights.size()) - 1};
  }

  /// One for each map, kernel and precision; those for sampling alone are apart.
  const std::vector<Group>& groups() const { return groups_; }

 private:
  std::vector<Group> groups_;
};

/// The shares of one flow's networks for one batch of maps, each group made when it is first needed. Safe to share
/// between threads.
template <class B>
class Prepared {
 public:
  using Tensor = typename B::Tensor;

  /// From the maps of a flow, one tensor each. Those that networks read are laid out as networks want them, once.
  Prepared(std::shared_ptr<const Conditions<B>> conditions, std::vector<Tensor> maps)
      : conditions_(std::move(conditions)), maps_(std::move(maps)), made_(conditions_->groups().size()) {
    if constexpr (requires { B::map_for_networks(maps_[0]); })
      for (const auto& group : conditions_->groups()) {
        auto& map = maps_[std::size_t(group.kind.map)];
        map = B::map_for_networks(map);
      }
  }

  /// A map as networks see it.
  const Tensor& map(int index) const { return maps_[std::size_t(index)]; }

  /// A network's share; nothing where it must do without.
  std::optional<Tensor> share(const typename Conditions<B>::Slot& slot) const {
    if (slot.group < 0) return {};
    const auto& group = conditions_->groups()[std::size_t(slot.group)];
    const bool gradients = B::gradients_enabled();
    if (group.kind.sampling_only && gradients) return {};

    const std::lock_guard lock(mutex_);
    auto& made = made_[std::size_t(slot.group)];
    if (made.shares.empty())
      made = {B::shared_convs(maps_[std::size_t(group.kind.map)], group.weights, group.biases,
                              group.kind.kernel / 2, group.kind.precision),
              0};
    const auto share = made.shares[std::size_t(slot.place)];
    if (gradients && ++made.reads == made.shares.size()) made = {};
    return share;
  }

  /// How many groups are in memory.
  std::size_t held() const {
    const std::lock_guard lock(mutex_);
    std::size_t held = 0;
    for (const auto& made : made_) held += !made.shares.empty();
    return held;
  }

 private:
  struct Made {
    std::vector<Tensor> shares;
    std::size_t reads = 0;  // with gradients
  };

  std::shared_ptr<const Conditions<B>> conditions_;
  std::vector<Tensor> maps_;
  mutable std::mutex mutex_;
  mutable std::vector<Made> made_;
};

}  // namespace cnf
