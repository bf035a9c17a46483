// The kernels' text compiles for GPUs, wherever NVRTC is installed, a GPU or not.
#include "cnf/backend/libtorch/nvrtc.hpp"

#include "cnf/backend/libtorch/kernels.hpp"
#include "support/doctest.hpp"
#include "support/error_of.hpp"

namespace {

using namespace cnf::libtorch;

const Nvrtc* nvrtc() {
  try {
    return &Nvrtc::get();
  } catch (const cnf::Error& error) {
    MESSAGE("skipped: ", error.what());
    return nullptr;
  }
}

template <class... Kernel>
void check_compiles(const Nvrtc& compiler) {
  const auto one = [&]<class K>(K) {
    for (const char* real : {"float", "double"})
      for (const char* net : {"float", "double", "bfloat16"})
        for (const int capability : {80, 90, 91}) {  // there is no 9.1: PTX for 9.0
          CAPTURE(K::name);
          CAPTURE(real);
          CAPTURE(net);
          std::string made;
          const auto error =
              error_of([&] { made = compiler.compile(kernel_source<K>(real, net), capability); });
          CHECK_MESSAGE(error == "no error", error);
          CHECK(made.find(K::name) != std::string::npos);
          const bool is_exact = capability != 91;
          CHECK(made.substr(1).starts_with("ELF") == is_exact);
          CHECK((made.find(".target sm_90") != std::string::npos) != is_exact);
        }
  };
  (one(Kernel{}), ...);
}

}  // namespace

TEST_CASE("every kernel compiles for GPUs") {
  const auto* compiler = nvrtc();
  if (!compiler) return;
  using namespace kernels;
  check_compiles<couple, whiten, whiten_backward, colour, uncouple, couple_backward, add_part, invert,
                 fold_backward, noise, adam_begin, adam>(*compiler);
}

TEST_CASE("a kernel that does not compile says why; a device that is too old is refused") {
  const auto* compiler = nvrtc();
  if (!compiler) return;
  CHECK(error_of([&] { compiler->compile("__global__ void f() { nonsense(); }", 80); }).find("nonsense") !=
        std::string::npos);
  CHECK(error_of([&] { compiler->compile("", 10); }) ==
        "NVRTC compiles for no device as old as compute capability 10");
}

TEST_CASE("a library that is not there is named") {
  CHECK(error_of([] {
          SharedLibrary({"libnothere.so.1", "libnothere.so"});
        }) == "expected one of libnothere.so.1, libnothere.so, found none");
}
