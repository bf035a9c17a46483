// Work that is the same every time, on tensors that stay where they are: on CUDA run op by op a few times, then captured
// as one graph for each key (such as a batch's sizes) and replayed, so that the host launches once; elsewhere run as
// it is.
//
//   Replay replay(device);
//   replay.run({x.size(0)}, /*may_capture=*/true, [&] { ... reads and writes x, y, ...; waits for nothing ... });
//
// What can't be captured goes on op by op, and `why_not()` says why.
#pragma once

#include <ATen/ATen.h>

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#ifdef CNF_CUDA
#include <ATen/cuda/CUDAEvent.h>
#include <ATen/cuda/CUDAGraph.h>
#include <c10/cuda/CUDACachingAllocator.h>
#include <c10/cuda/CUDAGuard.h>
#include <c10/cuda/CUDAStream.h>
#include <torch/version.h>
#endif

namespace cnf::libtorch {

class Replay {
 public:
  /// `capture` false: never.
  explicit Replay(at::Device device, bool capture = true) : device_(device), capture_(capture) {
#ifdef CNF_CUDA
    if (device_.is_cuda()) stream_ = c10::cuda::getStreamFromPool(false, device_.index());
#endif
  }

  /// The first line of what LibTorch said when a capture failed; empty where none did.
  const std::string& why_not() const { return why_not_; }
  /// Whether the latest run was a replay.
  bool replayed() const { return replayed_; }

  /// Runs the work, or replays what was captured for this key.
  void run(const std::vector<std::int64_t>& key, [[maybe_unused]] bool may_capture,
           const std::function<void()>& work) {
    replayed_ = false;
#ifdef CNF_CUDA
    if (device_.is_cuda()) {
      // always on a stream of our own: LibTorch captures on no other, and gradients remember theirs
      const auto outer = c10::cuda::getCurrentCUDAStream(device_.index());
      wait(*stream_, outer);
      {
        const c10::cuda::CUDAStreamGuard guard(*stream_);
        run_here(key, may_capture, work);
      }
      wait(outer, *stream_);
      return;
    }
#endif
    static_cast<void>(key);
    work();
  }

 private:
  at::Device device_;
  [[maybe_unused]] bool capture_;
  std::string why_not_;
  bool replayed_ = false;

#ifdef CNF_CUDA
  static constexpr int warm_up = 3;  // runs before a capture: caches fill, libraries choose, ActNorm is set
  static constexpr long most_graphs = 8;  // each holds its memory; keys beyond run op by op

  struct Known {
    int runs = 0;
    std::unique_ptr<at::cuda::CUDAGraph> graph;
  };
  std::map<std::vector<std::int64_t>, Known> known_;
  long graphs_ = 0;
  at::cuda::MempoolId_t pool_{0, 0};  // of all graphs: they run one after another
  std::optional<c10::cuda::CUDAStream> stream_;

  static void wait(const c10::cuda::CUDAStream& later, const c10::cuda::CUDAStream& earlier) {
    at::cuda::CUDAEvent event;
    event.record(earlier);
    event.block(later);
  }

  void run_here(const std::vector<std::int64_t>& key, bool may_capture, const std::function<void()>& work) {
    if (!capture_ || !may_capture) return work();
    auto& one = known_[key];
    if (!one.graph && one.runs >= warm_up && graphs_ < most_graphs) one.graph = captured(work);
    if (one.graph) {
      one.graph->replay();
      replayed_ = true;
    } else {
      work();
      ++one.runs;
    }
  }

  /// Nothing where it failed.
  std::unique_ptr<at::cuda::CUDAGraph> captured(const std::function<void()>& work) {
#if TORCH_VERSION_MAJOR > 2 || (TORCH_VERSION_MAJOR == 2 && TORCH_VERSION_MINOR >= 3)
    auto graph = std::make_unique<at::cuda::CUDAGraph>();
    stream_->synchronize();
    // a graph has its memory of its own, and does not get what runs before it left in the cache
    c10::cuda::CUDACachingAllocator::emptyCache();
    if (graphs_ == 0) pool_ = at::cuda::graph_pool_handle();
    try {
      // other threads (one that prepares data) may go on talking to the device
      graph->capture_begin(pool_, cudaStreamCaptureModeThreadLocal);
      work();
      graph->capture_end();
      ++graphs_;
      return graph;
    } catch (const std::exception& error) {
      give_up(error.what());
      try {
        graph->capture_end();  // leaves the stream's capture
      } catch (const std::exception&) {
        // it ended the capture, but maybe not the allocator's part of it
        try {
          c10::cuda::CUDACachingAllocator::endAllocateToPool(device_index(), pool_);
        } catch (const std::exception&) {
        }
      }
      return nullptr;
    }
#else
    static_cast<void>(work);
    give_up("expected LibTorch 2.3 or later, got " TORCH_VERSION);
    return nullptr;
#endif
  }

  void give_up(const std::string& why) {
    why_not_ = why.substr(0, why.find('\n'));
    capture_ = false;
  }
  c10::DeviceIndex device_index() const { return stream_->device_index(); }
#endif
};

}  // namespace cnf::libtorch
