// Kernels that are code and text at once: one source, two compilers.
//
//   CNF_KERNEL(add, (const Real* a, const Real* b, Real* sum, long long count),
//     for (long long i = block * threads + thread; i < count; i += blocks * threads) sum[i] = a[i] + b[i];
//   )
//
// g++ compiles the body as a host function, which tests run in a loop and the CPU uses; NVRTC compiles the same body
// for the GPU at hand when it first runs there (launch.hpp). No .cu file, no CUDA language in the build.
//
// A body knows `block` of `blocks` and `thread` of `threads`, memory that the threads of a block share (`shared`, in
// doubles) and sync(), which waits for them; `Real` is the state's type and `Net` that of networks, which to_net makes. It spells its types
// out (no header is there on the GPU), and it walks over its work in steps of `threads`: on the host a block has one.
#pragma once

#include <cmath>
#include <string>
#include <vector>

namespace cnf::libtorch {

/// Where a host run is: one thread does the work of a block.
struct Place {
  /// Of its block.
  static constexpr int thread = 0, threads = 1;
  /// Of the launch.
  long long block = 0, blocks = 1;
  /// Memory that the threads of a block share.
  double* shared = nullptr;
  /// Waits for the threads of the block.
  static void sync() {}
};

/// A number of the state as one of networks.
template <class Net, class Real>
Net rounded(Real x) {
  if constexpr (sizeof(Net) < sizeof(float))
    return Net(static_cast<float>(x));
  else
    return static_cast<Net>(x);
}

/// A kernel that is code here and text for NVRTC.
#define CNF_KERNEL(NAME, ARGUMENTS, ...)                                     \
  struct NAME {                                                              \
    static constexpr const char* name = #NAME;                               \
    static constexpr const char* label = "cnf::" #NAME;                      \
    static constexpr const char* arguments = #ARGUMENTS;                     \
    static constexpr const char* body = #__VA_ARGS__;                        \
    template <class Real, class Net, class Where = ::cnf::libtorch::Place>   \
    struct On : Where {                                                      \
      using Where::block, Where::blocks, Where::thread, Where::threads;      \
      using Where::shared, Where::sync;                                      \
      static Net to_net(Real x) { return ::cnf::libtorch::rounded<Net>(x); } \
      void operator() ARGUMENTS const {                                      \
        using std::cos, std::exp, std::fabs, std::log;                       \
        using std::log1p, std::sin, std::sqrt, std::tanh;                    \
        __VA_ARGS__                                                          \
      }                                                                      \
    };                                                                       \
  }

/// The text that a CUDA compiler gets: "float", "double" or "bfloat16" for Real and Net.
template <class Kernel>
std::string kernel_source(const std::string& real, const std::string& net) {
  return std::string(
             "struct bfloat16 {\n"
             "  unsigned short bits;\n"
             "  __device__ operator float() const { return __uint_as_float((unsigned)bits << 16); }\n"
             "  __device__ bfloat16(double value) {\n"
             "    const unsigned whole = __float_as_uint((float)value);\n"
             "    bits = (whole & 0x7fffffffu) > 0x7f800000u ? 0x7fc0u : (whole + 0x7fffu + (whole >> 16 & "
             "1u)) >> 16;\n"
             "  }\n"
             "};\n"
             "#define sync() __syncthreads()\n"
             "#define to_net(x) Net(x)\n"
             "typedef ") +
         real + " Real;\ntypedef " + net + " Net;\nextern \"C\" __global__ void " + Kernel::name +
         Kernel::arguments +
         " {\n  const long long block = blockIdx.x, blocks = gridDim.x;\n"
         "  const int thread = threadIdx.x, threads = blockDim.x;\n"
         "  extern __shared__ double shared[];\n  (void)blocks; (void)shared;\n  " +
         Kernel::body + "\n}\n";
}

/// Runs a kernel's blocks first .. end - 1 of `blocks` here; `shared`: doubles that a block's threads share.
template <class Kernel, class Real, class Net, class... Arguments>
void run_on_host(long long first, long long end, long long blocks, long long shared, Arguments... arguments) {
  std::vector<double> memory(static_cast<std::size_t>(shared));
  typename Kernel::template On<Real, Net> body;
  body.blocks = blocks;
  body.shared = memory.data();
  for (long long block = first; block < end; ++block) {
    body.block = block;
    body(arguments...);
  }
}

}  // namespace cnf::libtorch
