// What there is of LibTorch's distributed engine (c10d): CNF_GLOO and CNF_NCCL are 1 where a backend and its headers are,
// and 0 elsewhere; and the meeting point's table (meeting.hpp) as the store by which c10d's processes find one another.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "cnf/backend/libtorch/distributed/meeting.hpp"

// Whether the headers of Gloo and NCCL are here; -DCNF_GLOO=0 and -DCNF_NCCL=0 do without.
#ifndef CNF_GLOO
#if __has_include(<torch/csrc/distributed/c10d/ProcessGroupGloo.hpp>) && __has_include(<gloo/rendezvous/store.h>)
#define CNF_GLOO 1
#else
#define CNF_GLOO 0  // whether processes can work together on CPUs
#endif
#endif
#ifndef CNF_NCCL
#if defined(CNF_CUDA) && __has_include(<nccl.h>)
#define CNF_NCCL 1
#else
#define CNF_NCCL 0  // and on GPUs
#endif
#endif

#if CNF_GLOO
#ifndef USE_C10D_GLOO
#define USE_C10D_GLOO
#endif
#include <torch/csrc/distributed/c10d/ProcessGroupGloo.hpp>
#include <torch/csrc/distributed/c10d/TCPStore.hpp>
#endif
#if CNF_NCCL
#ifndef USE_C10D_NCCL
#define USE_C10D_NCCL
#endif
#include <torch/csrc/distributed/c10d/ProcessGroupNCCL.hpp>
#endif

namespace cnf::distributed::detail {

inline std::string sentence_of(const std::string& trouble) { return trouble.substr(trouble.find('\n') + 1); }

#if CNF_GLOO

/// The table of the meeting point, as c10d wants it.
class Table : public c10d::Store {
 public:
  Table(std::shared_ptr<Visitor> visitor, Milliseconds timeout)
      : Store(timeout), visitor_(std::move(visitor)) {}

  void set(const std::string& key, const std::vector<std::uint8_t>& value) override {
    visitor_->set(prefix + key, {value.begin(), value.end()});
  }
  std::vector<std::uint8_t> get(const std::string& key) override {
    wait({key}, timeout_);
    const auto text = visitor_->get(prefix + key).value_or("");
    return {text.begin(), text.end()};
  }
  std::int64_t add(const std::string& key, std::int64_t value) override {
    return visitor_->add(prefix + key, value);
  }
  bool deleteKey(const std::string& key) override { return visitor_->remove(prefix + key); }
  bool check(const std::vector<std::string>& keys) override {
    for (const auto& key : keys)
      if (!visitor_->get(prefix + key)) return false;
    return true;
  }
  std::int64_t getNumKeys() override { return visitor_->count(); }
  void wait(const std::vector<std::string>& keys) override { wait(keys, timeout_); }
  void wait(const std::vector<std::string>& keys, const Milliseconds& timeout) override {
    const auto start = std::chrono::steady_clock::now();
    while (!check(keys)) {
      if (const auto trouble = visitor_->get(trouble_key)) throw Error(sentence_of(*trouble));
      if (std::chrono::steady_clock::now() - start > timeout)
        throw Error("expected " + keys[0] + " from another process, got none");
      std::this_thread::sleep_for(Milliseconds(2));
    }
  }
  /// Later versions of LibTorch ask for it.
  c10::intrusive_ptr<c10d::Store> clone() { return c10::make_intrusive<Table>(visitor_, timeout_); }

 private:
  inline static const std::string prefix = "c10d/";
  std::shared_ptr<Visitor> visitor_;
};

#endif

}  // namespace cnf::distributed::detail
