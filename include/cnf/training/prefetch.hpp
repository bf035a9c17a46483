// The batches of a training, each made while the step before runs: on CUDA by a thread of its own, pinned, and copied on
// a stream of its own; on the CPU, whose cores the step needs, when they are asked for.
#pragma once

#include <ATen/ATen.h>

#include <functional>
#include <future>
#include <memory>
#include <optional>
#include <utility>

#include "cnf/training/pairs.hpp"

#ifdef CNF_CUDA
#include <ATen/cuda/CUDAEvent.h>
#include <c10/cuda/CUDACachingAllocator.h>
#include <c10/cuda/CUDAGuard.h>
#include <c10/cuda/CUDAStream.h>
#endif

namespace cnf::training {

class Prefetch {
 public:
  /// What makes one.
  using Batch = std::function<Pairs(std::int64_t step)>;

  /// `batch` gives the same for the same step; it is called by one thread at a time, not always the same.
  Prefetch(Batch batch, at::Device device) : batch_(std::move(batch)), device_(device) {
#ifdef CNF_CUDA
    if (device_.is_cuda()) stream_ = c10::cuda::getStreamFromPool(false, device_.index());
#endif
  }
  ~Prefetch() {
    if (coming_.valid()) coming_.wait();
  }
  Prefetch(const Prefetch&) = delete;
  Prefetch& operator=(const Prefetch&) = delete;

  /// The batch of a step, on the device. The next one is begun if `more`.
  Pairs get(std::int64_t step, [[maybe_unused]] bool more) {
#ifdef CNF_CUDA
    if (device_.is_cuda()) {
      auto ready = coming_.valid() && coming_step_ == step ? coming_.get() : made(step);
      const auto current = c10::cuda::getCurrentCUDAStream(device_.index());
      ready.done->block(current);
      ready.pairs.for_each([&](const at::Tensor& t) {
        c10::cuda::CUDACachingAllocator::recordStream(t.storage().data_ptr(), current);
      });
      if (more) {
        coming_step_ = step + 1;
        coming_ = std::async(std::launch::async, [this, step] { return made(step + 1); });
      }
      return ready.pairs;
    }
#endif
    return batch_(step);
  }

  /// The batch of an earlier step, as the hook gives it.
  Pairs again(std::int64_t step) {
    if (coming_.valid()) coming_.wait();
    return batch_(step);
  }

 private:
  struct Ready {
    Pairs pairs;
#ifdef CNF_CUDA
    std::shared_ptr<at::cuda::CUDAEvent> done = std::make_shared<at::cuda::CUDAEvent>();
#endif
  };

#ifdef CNF_CUDA
  Ready made(std::int64_t step) {
    const c10::cuda::CUDAGuard device(device_.index());
    const c10::cuda::CUDAStreamGuard guard(*stream_);
    Ready ready;
    ready.pairs = batch_(step);
    ready.pairs.for_each([&](at::Tensor& t) {
      if (t.is_cpu()) t = t.pin_memory().to(device_, /*non_blocking=*/true);
    });
    ready.done->record(*stream_);
    return ready;
  }

  std::optional<c10::cuda::CUDAStream> stream_;
#endif

  Batch batch_;
  at::Device device_;
  std::future<Ready> coming_;
  [[maybe_unused]] std::int64_t coming_step_ = -1;
};

}  // namespace cnf::training
