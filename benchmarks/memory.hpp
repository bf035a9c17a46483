// How much memory a piece of code needs beyond what is there: of the process (Linux), and of live tensors.
#pragma once

#include <c10/core/Allocator.h>
#include <c10/core/CPUAllocator.h>
#include <malloc.h>

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <new>
#include <string>

namespace benchmarks {

/// LibTorch's memory, counted. `allocate` is const in LibTorch 1.13 and not in 2; only 2 has `copy_data`. So none can say
/// `override`.
#ifdef __clang__
#pragma clang diagnostic push
#pragma clang diagnostic ignored "-Winconsistent-missing-override"
#endif
class CountingAllocator final : public at::Allocator {
 public:
  at::DataPtr allocate(std::size_t bytes) const { return counted(bytes); }
  at::DataPtr allocate(std::size_t bytes) { return counted(bytes); }
  void copy_data(void* to, const void* from, std::size_t bytes) const { std::memcpy(to, from, bytes); }
  at::DeleterFnPtr raw_deleter() const override { return &release; }

  static inline std::atomic<long> live = 0, peak = 0;

 private:
  static at::DataPtr counted(std::size_t bytes) {
    if (bytes == 0) return {nullptr, nullptr, &release, at::kCPU};
    void* block = std::aligned_alloc(64, (bytes + 63) / 64 * 64);
    if (!block) throw std::bad_alloc();
    const long now = live += long(malloc_usable_size(block));
    for (long seen = peak; now > seen && !peak.compare_exchange_weak(seen, now);) {
    }
    return {block, block, &release, at::kCPU};
  }
  static void release(void* block) {
    if (block) live -= long(malloc_usable_size(block));
    std::free(block);
  }
};
#ifdef __clang__
#pragma clang diagnostic pop
#endif

/// Counts all tensors made from now on; call it before the first one.
inline void count_tensors() {
  static CountingAllocator allocator;
  c10::SetCPUAllocator(&allocator, /*priority=*/100);
}

/// A line of /proc/self/status, bytes.
inline long process_bytes(const std::string& key) {
  std::ifstream status("/proc/self/status");
  for (std::string word; status >> word;)
    if (word == key) {
      long kibibytes = 0;
      status >> kibibytes;
      return kibibytes * 1024;
    }
  return 0;
}

struct Growth {
  long resident = 0, tensors = 0;
};

/// Growth of the two peaks over one run.
template <class Run>
Growth growth_of(const Run& run) {
  std::ofstream("/proc/self/clear_refs") << 5;
  const long resident = process_bytes("VmRSS:"), tensors = CountingAllocator::live;
  CountingAllocator::peak = tensors;
  run();
  return {process_bytes("VmHWM:") - resident, CountingAllocator::peak - tensors};
}

}  // namespace benchmarks
