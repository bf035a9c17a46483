// Processes that work on one thing together: each has a copy of the model and a part of every batch.
//
//   replicas.sum(t);                        t becomes the sum of all processes' t, the same bits everywhere
//   replicas.copy_from_first(t);            t becomes the first one's
//   replicas.gather("text");                everybody's text, in the order of ranks
//   replicas.share_of(32);                  which samples of a batch of 32 are this process's
//
// All processes call the same, in the same order. This class itself is one process alone, whom nothing costs anything;
// connected.hpp has those that are several.
#pragma once

#include <ATen/ATen.h>

#include <algorithm>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "cnf/core/error.hpp"

namespace cnf::distributed {

/// Samples first .. first + count - 1 of a batch of `of`.
struct Share {
  long first = 0, count = 0, of = 0;  // samples
};

class Replicas {
 public:
  Replicas() = default;
  Replicas(const Replicas&) = delete;
  Replicas& operator=(const Replicas&) = delete;
  virtual ~Replicas() = default;

  /// One process, of no others.
  static Replicas& alone() {
    static Replicas one;
    return one;
  }

  /// Which process this is, from 0.
  virtual int rank() const { return 0; }
  /// How many there are.
  virtual int size() const { return 1; }
  /// Who prints and writes.
  bool is_first() const { return rank() == 0; }

  /// Begins to add up; t is the sum when what is returned has run.
  virtual std::function<void()> begin_sum(at::Tensor) {
    return [] {};
  }
  /// Over all processes, into t of each.
  void sum(const at::Tensor& t) { begin_sum(t)(); }
  /// Makes t of all what it is in the first.
  virtual void copy_from_first(at::Tensor) {}
  /// Every process's text, in the order of ranks. Waits as long as all others live.
  virtual std::vector<std::string> gather(const std::string& mine) { return {mine}; }

  /// This process's part of a batch. Error where there are more processes than samples.
  Share share_of(long batch) const {
    if (batch < size())
      throw Error("expected a batch of at least as many samples as there are processes, " +
                  std::to_string(size()) + ", got " + std::to_string(batch));
    const long first = batch * rank() / size();
    return {first, batch * (rank() + 1) / size() - first, batch};
  }

  /// Facts (name, value) that must be the same in all processes: else Error, in all of them.
  void expect_same(const std::vector<std::pair<std::string, std::string>>& facts) {
    std::string mine;
    for (const auto& [name, value] : facts) mine += name + '\x1f' + value + '\x1e';
    const auto all = gather(mine);
    for (std::size_t r = 1; r < all.size(); ++r) expect_same(all[0], all[r], r);
  }

 private:
  static std::vector<std::string> split(const std::string& text, char at) {
    std::vector<std::string> parts;
    for (std::size_t first = 0, end = 0; (end = text.find(at, first)) != std::string::npos; first = end + 1)
      parts.push_back(text.substr(first, end - first));
    return parts;
  }
  static void expect_same(const std::string& expected, const std::string& got, std::size_t rank) {
    if (expected == got) return;
    const auto ours = split(expected, '\x1e'), theirs = split(got, '\x1e');
    std::string what = "facts", wanted = "others", given = "these";
    for (std::size_t i = 0; i < std::max(ours.size(), theirs.size()); ++i) {
      const auto of = [i](const std::vector<std::string>& all) {
        return i < all.size() ? all[i] : std::string("nothing\x1fnothing");
      };
      if (of(ours) == of(theirs)) continue;
      what = of(ours).substr(0, of(ours).find('\x1f'));
      wanted = of(ours).substr(of(ours).find('\x1f') + 1);
      given = of(theirs).substr(of(theirs).find('\x1f') + 1);
      break;
    }
    throw Error("expected process " + std::to_string(rank) + " to have the " + what + " of process 0, " +
                wanted + ", got " + given);
  }
};

namespace detail {

inline Replicas*& joint() {
  static thread_local Replicas* current = nullptr;
  return current;
}

}  // namespace detail

/// While it lives, in this thread: what the layers of a model measure of a batch (ActNorm's first) is measured of the joint
/// batch of all processes.
class JointBatch {
 public:
  /// Of these.
  explicit JointBatch(Replicas& replicas) : outer_(detail::joint()) {
    detail::joint() = replicas.size() > 1 ? &replicas : nullptr;
  }
  JointBatch(const JointBatch&) = delete;
  JointBatch& operator=(const JointBatch&) = delete;
  ~JointBatch() { detail::joint() = outer_; }

  /// The sum over all processes, where there are several.
  static at::Tensor sum(at::Tensor t) {
    if (auto* replicas = detail::joint()) replicas->sum(t);
    return t;
  }

 private:
  Replicas* outer_;
};

}  // namespace cnf::distributed
