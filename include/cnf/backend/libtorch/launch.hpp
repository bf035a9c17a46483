// Runs a kernel (kernel.hpp) where its tensors are: on the host on all threads, or on the GPU.
//
//   launch<kernels::add>({.like = a, .blocks = 64}, a.data_ptr(), b.data_ptr(), sum.data_ptr(), a.numel());
//
// Arguments are those of the kernel's text; pointers are given as void*. A GPU kernel is compiled when it first runs on
// a kind of device and types, and kept; it runs on LibTorch's current stream. `has_kernels(x)`: whether x is where they
// run; elsewhere (another kind of device, a LibTorch without CUDA, no NVRTC: said once) callers use ATen.
//
// CNF_CUDA: defined, by our CMake targets, where LibTorch has CUDA.
#pragma once

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <ATen/record_function.h>

#include <map>
#include <mutex>
#include <tuple>
#include <type_traits>

#include "cnf/backend/libtorch/kernel.hpp"
#include "cnf/backend/libtorch/kernels.hpp"

#ifdef CNF_CUDA
#include <ATen/cuda/CUDAContext.h>
#include <c10/cuda/CUDAGuard.h>

#include "cnf/backend/libtorch/nvrtc.hpp"
#endif

namespace cnf::libtorch {

/// Types, place and size of a launch. `network`: type of networks' numbers, where a kernel sees any.
struct Launch {
  /// Where it runs, and in which precision.
  const at::Tensor& like;
  /// On a GPU.
  long long blocks = 1;
  int threads = 256;     // of a block on the GPU; a power of two
  long long shared = 0;  // doubles that the threads of a block share
  /// Of what a network returned.
  at::ScalarType network = at::kFloat;
};

namespace detail {

#ifdef CNF_CUDA
inline std::string kernel_type(at::ScalarType type) {
  return type == at::kDouble ? "double" : type == at::kBFloat16 ? "bfloat16" : "float";
}

inline int compute_capability(int device) {
  const auto* properties = at::cuda::getDeviceProperties(c10::DeviceIndex(device));
  return 10 * properties->major + properties->minor;
}

template <class Kernel>
void* device_kernel(at::ScalarType real, at::ScalarType network, int device) {
  static std::mutex mutex;
  static std::map<std::tuple<at::ScalarType, at::ScalarType, int>, void*> loaded;
  const std::lock_guard lock(mutex);
  auto& function = loaded[{real, network, device}];
  if (!function) {
    const auto source = kernel_source<Kernel>(kernel_type(real), kernel_type(network));
    function = CudaDriver::get().load(Nvrtc::get().compile(source, compute_capability(device)), Kernel::name,
                                      device);
  }
  return function;
}

/// Whether NVRTC and the driver are there and fit each other; if not, said once.
inline bool can_compile(int device) {
  static const bool yes = [device] {
    try {
      CudaDriver::get().load(
          Nvrtc::get().compile("extern \"C\" __global__ void nothing() {}", compute_capability(device)),
          "nothing", device);
      return true;
    } catch (const Error& error) {
      TORCH_WARN("cnf: no fused kernels on CUDA, LibTorch's operations instead: ", error.what());
      return false;
    }
  }();
  return yes;
}

template <class Kernel>
void launch_on_device(const Launch& at, void** arguments) {
  const auto index = static_cast<c10::DeviceIndex>(at.like.get_device());
  const int device = index;
  const c10::cuda::CUDAGuard guard(index);
  auto* function = device_kernel<Kernel>(at.like.scalar_type(), at.network, device);
  CudaDriver::get().launch(function, device, unsigned(at.blocks), unsigned(at.threads),
                           unsigned(std::size_t(at.shared) * sizeof(double)),
                           at::cuda::getCurrentCUDAStream(index).stream(), arguments);
}
#endif

/// An argument as the kernel's text declares it.
template <class To, class From>
To kernel_argument(From from) {
  if constexpr (std::is_pointer_v<To>)
    return static_cast<To>(from);
  else
    return To(from);
}

template <class Kernel, class Real, class Net, class... Declared, class... Given>
void launch_as(const Launch& at, void (Kernel::template On<Real, Net>::*)(Declared...) const,
               Given... given) {
  static_assert(sizeof...(Declared) == sizeof...(Given));
#ifdef CNF_CUDA
  if (at.like.is_cuda()) {
    auto values = std::tuple<Declared...>{kernel_argument<Declared>(given)...};
    std::apply(
        [&](auto&... value) {
          std::array<void*, sizeof...(Declared)> pointers{
              const_cast<void*>(static_cast<const void*>(&value))...};
          launch_on_device<Kernel>(at, pointers.data());
        },
        values);
    return;
  }
#endif
  at::parallel_for(0, at.blocks, 1, [&](std::int64_t first, std::int64_t end) {
    run_on_host<Kernel, Real, Net>(first, end, at.blocks, at.shared, kernel_argument<Declared>(given)...);
  });
}

template <class Kernel, class Real, class Net, class... Given>
void launch_typed(const Launch& at, Given... given) {
  launch_as<Kernel, Real, Net>(at, &Kernel::template On<Real, Net>::operator(), given...);
}

}  // namespace detail

/// Where operations of the state that ATen can do, too, are single kernels: on GPUs; tests compare both everywhere.
enum class Fusing { on_gpus, everywhere, nowhere };
/// Where kernels of ours are used, in the whole process.
inline Fusing& fusing() {
  static Fusing where = Fusing::on_gpus;
  return where;
}

/// Whether kernels run where x is, for its type and this type of networks.
inline bool has_kernels(const at::Tensor& x, at::ScalarType network = at::kFloat) {
  const auto is_known = [](at::ScalarType type) { return type == at::kFloat || type == at::kDouble; };
  if (!is_known(x.scalar_type()) || !(is_known(network) || network == at::kBFloat16)) return false;
  if (x.is_cpu()) return true;
#ifdef CNF_CUDA
  return x.is_cuda() && detail::can_compile(static_cast<int>(x.get_device()));
#else
  return false;
#endif
}

/// Whether an operation of the state x is one kernel.
inline bool is_fused(const at::Tensor& x, at::ScalarType network = at::kFloat) {
  const bool wanted = fusing() == Fusing::everywhere || (fusing() == Fusing::on_gpus && x.is_cuda());
  return wanted && x.numel() > 0 && has_kernels(x, network);
}

template <class Kernel, class... Given>
void launch(const Launch& at, Given... given) {
  RECORD_FUNCTION(Kernel::label, std::vector<c10::IValue>{});  // LibTorch's profiler shows it
  const auto as = [&]<class Real>(Real) {
    if (at.network == at::kBFloat16)
      detail::launch_typed<Kernel, Real, at::BFloat16>(at, given...);
    else if (at.network == at::kDouble)
      detail::launch_typed<Kernel, Real, double>(at, given...);
    else
      detail::launch_typed<Kernel, Real, float>(at, given...);
  };
  if (at.like.scalar_type() == at::kDouble)
    as(double{});
  else
    as(float{});
}

/// Blocks for `count` independent elements.
inline long long blocks_for(long long count, int threads = 256) {
  return std::min<long long>((count + threads - 1) / threads, 1LL << 16);
}

}  // namespace cnf::libtorch
