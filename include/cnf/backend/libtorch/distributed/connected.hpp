// Replicas over LibTorch's distributed engine (c10d): Gloo for tensors in the host's memory, NCCL for those on CUDA.
//
//   distributed::together(world_from_environment(), {}, [&](distributed::Replicas& replicas) { ... train ... });
//
// Faults: what one process throws ends all, and so does its sudden death, within the timeout; one sentence says which process
// it was, and one process says it. Needs LibTorch with Gloo and Gloo's headers (Debian: libgloo-dev), on CUDA also NCCL's;
// without them several processes are an Error that says so.
#pragma once

#include <ATen/ATen.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "cnf/backend/libtorch/distributed/engine.hpp"
#include "cnf/backend/libtorch/distributed/meeting.hpp"
#include "cnf/backend/libtorch/distributed/replicas.hpp"
#include "cnf/backend/libtorch/distributed/world.hpp"

namespace cnf::distributed {

/// How processes find and wait for one another.
struct ConnectOptions {
  double timeout = 60;           // seconds that processes wait for one another, at the start and in sums
  at::Device device = at::kCPU;  // of the model: on CUDA also NCCL is made ready
  std::function<void()> while_waiting = [] {};  // for others to come; may throw
  bool even_alone = false;  // one process, too, uses the engine: to try it where there is one GPU
};

namespace detail {

inline std::string first_line(const std::string& text) { return text.substr(0, text.find('\n')); }

#if CNF_GLOO

class Connected final : public Replicas {
 public:
  Connected(const World& world, const ConnectOptions& options)
      : world_(world), timeout_(Milliseconds(long(1000 * options.timeout))) {
    try {
      connect(options);
    } catch (const std::exception& error) {
      if (visitor_ && !give_up(error.what())) throw Stopped(error.what());
      throw;
    } catch (...) {  // Ctrl-C
      if (visitor_) give_up("interrupted");
      throw;
    }
  }
  ~Connected() override {
    ends_ = true;
    if (watch_.joinable()) watch_.join();
  }

  int rank() const override { return world_.rank; }
  int size() const override { return world_.size; }

  std::function<void()> begin_sum(at::Tensor t) override {
    stop_if_troubled();
    return begun(std::move(t),
                 [](auto& group, std::vector<at::Tensor>& all) { return group.allreduce(all); });
  }

  void copy_from_first(at::Tensor t) override {
    stop_if_troubled();
    begun(std::move(t), [](auto& group, std::vector<at::Tensor>& all) { return group.broadcast(all); })();
  }

  std::vector<std::string> gather(const std::string& mine) override {
    // each says its own, the first joins them: all read two texts, not as many as there are processes
    const auto key = [](long number, const std::string& of) {
      return "gather/" + std::to_string(number) + "/" + of;
    };
    const long number = gathered_++;
    const auto self = std::to_string(rank());
    at_store([&] {
      visitor_->set(key(number, self), mine);
      if (number >= 2) {  // all have read it: they were in the next
        visitor_->remove(key(number - 2, self));
        if (is_first()) visitor_->remove(key(number - 2, "all"));
      }
    });
    if (is_first()) {
      std::string joined;
      for (int r = 0; r < size(); ++r) {
        const auto text = awaited(key(number, std::to_string(r)));
        joined += std::to_string(text.size()) + "\n" + text;
      }
      at_store([&] { visitor_->set(key(number, "all"), joined); });
    }
    const auto joined = awaited(key(number, "all"));
    std::vector<std::string> all;
    for (std::size_t at = 0; at < joined.size();) {
      const auto length = std::stoul(joined.substr(at, joined.find('\n', at) - at));
      at = joined.find('\n', at) + 1;
      all.push_back(joined.substr(at, length));
      at += length;
    }
    return all;
  }

  /// Work is done: waits for the others, and takes leave.
  void end() {
    gather("end");
    leave();
  }

  /// This process can't go on: says so to all, unless another has. Whether it is the one to say it to the user.
  bool give_up(const std::string& why) {
    bool tells = true;
    try {
      const auto mine =
          std::to_string(rank()) + "\nprocess " + std::to_string(rank()) + " stopped: " + first_line(why);
      tells = std::stoi(visitor_->set_first(trouble_key, mine)) == rank();
    } catch (const std::exception&) {  // the first process is gone: then everybody says it
    }
    leave();
    return tells;
  }

 private:
  void connect(const ConnectOptions& options) {
    const auto [address, port] = met(options.while_waiting);
    visitor_ = std::make_shared<Visitor>(address, port, rank(), timeout_, options.while_waiting);
    wait_for_all(options.while_waiting);
    const auto table = c10::make_intrusive<Table>(visitor_, timeout_);
    auto gloo = c10d::ProcessGroupGloo::Options::create(timeout_);
    gloo->devices = {c10d::ProcessGroupGloo::createDeviceForHostname(visitor_->own_address())};
    gloo->threads = 2;
    gloo_ = c10::make_intrusive<c10d::ProcessGroupGloo>(table, rank(), size(), gloo);
    if (options.device.is_cuda()) {
#if CNF_NCCL
      auto nccl = c10d::ProcessGroupNCCL::Options::create();
      nccl->timeout = timeout_;
      nccl_ = c10::make_intrusive<c10d::ProcessGroupNCCL>(table, rank(), size(), nccl);
#else
      throw Error("expected NCCL and its header for " + std::to_string(size()) +
                  " processes on CUDA, but this build has none");
#endif
    }
    watch_ = std::thread([this] { watch(); });
  }

  /// Where the first process waits; it begins to.
  std::pair<std::string, int> met(const std::function<void()>& look) {
    if (!world_.is_told_by_agent) {
      if (!is_first()) return {world_.address, world_.port};
      point_ = std::make_unique<MeetingPoint>(world_.address, world_.port, size());
      return {world_.address, point_->port()};
    }
    c10d::TCPStoreOptions options;
    options.port = std::uint16_t(world_.port);
    options.waitWorkers = false;
    options.timeout = timeout_;
    c10d::TCPStore agent(world_.address, options);
    const auto key = "cnf/" + world_.run + "/" + std::to_string(world_.restarts);
    if (is_first()) {
      point_ = std::make_unique<MeetingPoint>(world_.address, 0, size());
      const auto text = std::to_string(point_->port());
      agent.set(key, {text.begin(), text.end()});
      return {world_.address, point_->port()};
    }
    for (const auto start = std::chrono::steady_clock::now(); !agent.check({key});
         std::this_thread::sleep_for(Milliseconds(20))) {
      look();
      if (std::chrono::steady_clock::now() - start > timeout_)
        throw Error("expected process 0 to say within " + std::to_string(timeout_.count() / 1000) +
                    " s where it waits, got nothing");
    }
    const auto text = agent.get(key);
    return {world_.address, std::stoi(std::string(text.begin(), text.end()))};
  }

  /// The text under a key, as soon as it is there.
  std::string awaited(const std::string& key) {
    for (auto pause = Milliseconds(1);; pause = std::min(2 * pause, Milliseconds(20))) {
      std::optional<std::string> text;
      at_store([&] { text = visitor_->get(key); });
      if (text) return *text;
      stop_if_troubled();
      std::this_thread::sleep_for(pause);
    }
  }

  void wait_for_all(const std::function<void()>& look) {
    const auto start = std::chrono::steady_clock::now();
    for (;;) {
      const auto present = visitor_->get("present").value_or("");
      if (std::count(present.begin(), present.end(), ',') == size()) return;
      if (const auto trouble = visitor_->get(trouble_key)) {
        is_troubled(std::stoi(*trouble), sentence_of(*trouble));
        stop_if_troubled();
      }
      if (std::chrono::steady_clock::now() - start > timeout_) {
        std::string missing;
        for (int r = 0; r < size(); ++r)
          if (("," + present).find("," + std::to_string(r) + ",") == std::string::npos)
            missing += (missing.empty() ? "" : ", ") + std::to_string(r);
        throw Error("expected " + std::to_string(size()) + " processes within " +
                    std::to_string(timeout_.count() / 1000) + " s, got none of rank " + missing);
      }
      look();
      std::this_thread::sleep_for(Milliseconds(10));
    }
  }

  template <class Begin>
  std::function<void()> begun(at::Tensor t, const Begin& begin) {
    auto all = std::make_shared<std::vector<at::Tensor>>(1, std::move(t));
#if CNF_NCCL
    if (all->front().is_cuda()) {
      // waits on the device's stream, not here
      return [all, work = begin(*nccl_, *all)] { work->wait(); };
    }
#endif
    try {
      return [this, all, work = begin(*gloo_, *all)] { finish(*work); };
    } catch (const std::exception& error) {
      broken(error.what());
    }
  }

  /// Waits, and looks up now and then.
  template <class Work>
  void finish(Work& work) {
    for (;;) try {
        work.wait(Milliseconds(200));
        return;
      } catch (const std::exception& error) {
        if (work.isCompleted()) return ended(work);  // maybe well, in the moment after the wait
        stop_if_troubled();
      }
  }

  template <class Work>
  void ended(Work& work) {
    try {
      work.wait();
    } catch (const std::exception& error) {
      broken(error.what());
    }
  }

  /// A sum failed: whoever died is known in a moment; else somebody is late.
  [[noreturn]] void broken(const std::string& what) {
    at_store([&] { visitor_->set("waits/" + std::to_string(rank()), ""); });
    for (int i = 0; i < 30; ++i) {
      stop_if_troubled();
      std::this_thread::sleep_for(Milliseconds(100));
    }
    std::string late;
    at_store([&] {
      for (int r = 0; r < size(); ++r)
        if (!visitor_->get("waits/" + std::to_string(r)))
          late += (late.empty() ? "" : ", ") + std::to_string(r);
    });
    if (late.empty()) throw Error("the connection between processes broke: " + first_line(what));
    throw Error("expected an answer of process " + late + " within " +
                std::to_string(timeout_.count() / 1000) + " s, got none");
  }

  void stop_if_troubled() {
    if (!is_troubled_) return;
    has_noticed_ = true;
    const std::lock_guard lock(told_);
    if (by_ == rank()) throw Error(trouble_);
    throw Stopped(trouble_);
  }

  /// What may find the first process gone.
  template <class Work>
  void at_store(const Work& work) {
    try {
      work();
    } catch (const Error& error) {
      is_troubled(rank(), error.what());
      stop_if_troubled();
    }
  }

  void is_troubled(int by, const std::string& text) {
    const std::lock_guard lock(told_);
    if (is_troubled_) return;
    by_ = by;
    trouble_ = text;
    is_troubled_ = true;
  }

  /// Looks whether another has come to an end. If the work here does not notice, since it waits for a device that never
  /// answers, this process ends here.
  void watch() {
    for (int late = 0; !ends_; std::this_thread::sleep_for(Milliseconds(200))) {
      if (!is_troubled_) try {
          if (const auto text = visitor_->get(trouble_key)) is_troubled(std::stoi(*text), sentence_of(*text));
        } catch (const std::exception& error) {
          is_troubled(rank(), error.what());
        }
      if (is_troubled_ && !has_noticed_ && ++late > timeout_.count() / 200) {
        if (by_ == rank()) std::fprintf(stderr, "%s\n", trouble_.c_str());
        std::_Exit(2);
      }
    }
  }

  void leave() {
    has_noticed_ = true;
    ends_ = true;
    if (watch_.joinable()) watch_.join();
    try {
      visitor_->take_leave();
    } catch (const std::exception&) {  // there is nobody to take leave of
    }
    gloo_.reset();
#if CNF_NCCL
    nccl_.reset();
#endif
    visitor_.reset();
    point_.reset();
  }

  World world_;
  Milliseconds timeout_;
  std::unique_ptr<MeetingPoint> point_;  // in the first process
  std::shared_ptr<Visitor> visitor_;
  c10::intrusive_ptr<c10d::ProcessGroupGloo> gloo_;
#if CNF_NCCL
  c10::intrusive_ptr<c10d::ProcessGroupNCCL> nccl_;
#endif
  long gathered_ = 0;
  std::atomic<bool> ends_ = false, is_troubled_ = false, has_noticed_ = false;
  std::mutex told_;
  int by_ = 0;
  std::string trouble_;
  std::thread watch_;
};

#endif

}  // namespace detail

/// Runs work(replicas) in this process of the world. What it throws ends all of them; it is then thrown on, as Stopped where
/// another process has told it.
template <class Work>
void together(const World& world, const ConnectOptions& options, const Work& work) {
  if (world.size == 1 && !options.even_alone) {
    work(Replicas::alone());
    return;
  }
#if CNF_GLOO
  detail::Connected replicas(world, options);
  const auto give_up = [&](const std::string& why) {
    if (!replicas.give_up(why)) throw Stopped(why);
  };
  try {
    work(static_cast<Replicas&>(replicas));
    replicas.end();
  } catch (const Stopped& error) {
    replicas.give_up(error.what());
    throw;
  } catch (const Error& error) {
    give_up(error.what());
    if (world.rank > 0) throw Error("process " + std::to_string(world.rank) + ": " + error.what());
    throw;
  } catch (const std::exception& error) {
    give_up(error.what());
    throw;
  } catch (...) {  // Ctrl-C
    replicas.give_up("interrupted");
    throw;
  }
#else
  throw Error("expected to be one process, got " + std::to_string(world.size) +
              ": this build has no Gloo, by which LibTorch lets them work together (Debian: libgloo-dev)");
#endif
}

}  // namespace cnf::distributed
