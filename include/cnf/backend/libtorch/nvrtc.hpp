// NVRTC, NVIDIA's compiler at run time, and the driver's part that loads what it makes. Both are opened when they are
// first needed, so nothing is linked: a LibTorch with CUDA brings NVRTC (its libcaffe2_nvrtc depends on it, wherever it
// lies), and the driver comes with the device.
#pragma once

#include <dlfcn.h>

#include <algorithm>
#include <array>
#include <string>
#include <vector>

#include "cnf/core/error.hpp"

namespace cnf::libtorch {

/// A library opened by the first of its names that exists; Error naming all where none does.
class SharedLibrary {
 public:
  /// The first of these that can be opened.
  explicit SharedLibrary(const std::vector<const char*>& names) {
    std::string tried;
    for (const char* name : names) {
      if ((handle_ = ::dlopen(name, RTLD_LAZY | RTLD_LOCAL))) return;
      tried += (tried.empty() ? "" : ", ") + std::string(name);
    }
    throw Error("expected one of " + tried + ", found none");
  }
  SharedLibrary(const SharedLibrary&) = delete;
  SharedLibrary& operator=(const SharedLibrary&) = delete;

  /// A function of it, or of a library that it depends on.
  template <class Function>
  void find(const char* name, Function*& function) const {
    function = reinterpret_cast<Function*>(::dlsym(handle_, name));
    if (!function)
      throw Error("expected a function " + std::string(name) + " in NVIDIA's libraries, found none");
  }

 private:
  void* handle_ = nullptr;  // stays open: what was loaded through it does
};

/// The compiler. Throws Error where there is none.
class Nvrtc {
 public:
  /// The one of this process. Error where there is none.
  static const Nvrtc& get() {
    static const Nvrtc only;
    return only;
  }

  /// Machine code for compute capability `capability` (90 for 9.0), which every driver of the device takes; where this
  /// NVRTC does not know it, PTX for the newest before it, which the driver translates.
  std::string compile(const std::string& source, int capability) const {
    void* program = nullptr;
    check(create_(&program, source.c_str(), "cnf.cu", 0, nullptr, nullptr));
    const int target = known(capability);
    const bool is_exact = target == capability;
    const std::string option =
        (is_exact ? "--gpu-architecture=sm_" : "--gpu-architecture=compute_") + std::to_string(target);
    const std::array options{option.c_str()};
    const int result = compile_(program, int(options.size()), options.data());
    std::string made = result != 0 ? text_of(program, log_size_, log_)
                       : is_exact  ? text_of(program, cubin_size_, cubin_)
                                   : text_of(program, ptx_size_, ptx_);
    destroy_(&program);
    if (result != 0) throw Error("a kernel does not compile: " + made.substr(0, made.find('\0')));
    return made;
  }

 private:
  using Size = int(void*, std::size_t*);
  using Text = int(void*, char*);

  // LibTorch's own first: it fits the driver's part that LibTorch uses
  Nvrtc()
      : library_(
            {"libcaffe2_nvrtc.so", "libnvrtc.so.13", "libnvrtc.so.12", "libnvrtc.so.11.2", "libnvrtc.so"}) {
    library_.find("nvrtcCreateProgram", create_);
    library_.find("nvrtcCompileProgram", compile_);
    library_.find("nvrtcDestroyProgram", destroy_);
    library_.find("nvrtcGetPTXSize", ptx_size_);
    library_.find("nvrtcGetPTX", ptx_);
    library_.find("nvrtcGetCUBINSize", cubin_size_);
    library_.find("nvrtcGetCUBIN", cubin_);
    library_.find("nvrtcGetProgramLogSize", log_size_);
    library_.find("nvrtcGetProgramLog", log_);
    library_.find("nvrtcGetNumSupportedArchs", count_archs_);
    library_.find("nvrtcGetSupportedArchs", archs_);
  }

  static void check(int result) {
    if (result != 0) throw Error("NVRTC failed with code " + std::to_string(result));
  }

  static std::string text_of(void* program, Size* size_of, Text* text_of) {
    std::size_t size = 0;
    check(size_of(program, &size));
    std::string text(size, '\0');
    check(text_of(program, text.data()));
    return text;
  }

  int known(int capability) const {
    int count = 0;
    check(count_archs_(&count));
    std::vector<int> all(static_cast<std::size_t>(count));
    check(archs_(all.data()));
    int best = 0;
    for (const int arch : all)
      if (arch <= capability) best = std::max(best, arch);
    if (best == 0)
      throw Error("NVRTC compiles for no device as old as compute capability " + std::to_string(capability));
    return best;
  }

  SharedLibrary library_;
  int (*create_)(void**, const char*, const char*, int, const char* const*, const char* const*) = nullptr;
  int (*compile_)(void*, int, const char* const*) = nullptr;
  int (*destroy_)(void**) = nullptr;
  Size *ptx_size_ = nullptr, *cubin_size_ = nullptr, *log_size_ = nullptr;
  Text *ptx_ = nullptr, *cubin_ = nullptr, *log_ = nullptr;
  int (*count_archs_)(int*) = nullptr;
  int (*archs_)(int*) = nullptr;
};

/// The driver. Throws Error where there is none.
class CudaDriver {
 public:
  /// The one of this process. Error where there is none.
  static const CudaDriver& get() {
    static const CudaDriver only;
    return only;
  }

  /// The function of this name in what Nvrtc made, for the device; its module stays loaded.
  void* load(const std::string& image, const char* name, int device) const {
    use(device);
    void *module = nullptr, *function = nullptr;
    check(load_(&module, image.data()));
    check(function_of_(&function, module, name));
    return function;
  }

  /// Starts a kernel on the current stream of the device.
  void launch(void* function, int device, unsigned blocks, unsigned threads, unsigned shared_bytes,
              void* stream, void** arguments) const {
    use(device);
    check(launch_(function, blocks, 1, 1, threads, 1, 1, shared_bytes, stream, arguments, nullptr));
  }

 private:
  CudaDriver() : library_({"libcuda.so.1"}) {
    library_.find("cuModuleLoadData", load_);
    library_.find("cuModuleGetFunction", function_of_);
    library_.find("cuLaunchKernel", launch_);
    library_.find("cuCtxGetCurrent", current_);
    library_.find("cuCtxSetCurrent", set_current_);
    library_.find("cuDeviceGet", device_);
    library_.find("cuDevicePrimaryCtxRetain", retain_);
    library_.find("cuGetErrorString", error_);
  }

  /// A thread that has not talked to the device yet has no context: it gets LibTorch's.
  void use(int device) const {
    void* context = nullptr;
    check(current_(&context));
    if (context) return;
    int handle = 0;
    check(device_(&handle, device));
    check(retain_(&context, handle));
    check(set_current_(context));
  }

  void check(int result) const {
    if (result == 0) return;
    const char* text = nullptr;
    error_(result, &text);
    throw Error("the CUDA driver says: " + std::string(text ? text : "unknown error"));
  }

  SharedLibrary library_;
  int (*load_)(void**, const void*) = nullptr;
  int (*function_of_)(void**, void*, const char*) = nullptr;
  int (*launch_)(void*, unsigned, unsigned, unsigned, unsigned, unsigned, unsigned, unsigned, void*, void**,
                 void**) = nullptr;
  int (*current_)(void**) = nullptr;
  int (*set_current_)(void*) = nullptr;
  int (*device_)(int*, int) = nullptr;
  int (*retain_)(void**, int) = nullptr;
  int (*error_)(int, const char**) = nullptr;
};

}  // namespace cnf::libtorch
