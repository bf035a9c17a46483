# What our own programs and tests are compiled with; nobody who uses the library gets any of it.

add_library(cnf_developer INTERFACE)
target_compile_options(
  cnf_developer
  INTERFACE -Wall -Wextra -Wpedantic -Wconversion
            # options are structs with defaults: naming some of the members is how they are meant to be used
            -Wno-missing-field-initializers
            $<$<BOOL:${CNF_WERROR}>:-Werror>
            $<$<BOOL:${CNF_NATIVE}>:-march=native>
            # g++ sees overlapping, endless and too long copies where there are none: 12 inside std::string (GCC bugs
            # 105329, 105651), 14 inside the std::vector<bool> of torch::autograd::Function
            $<$<CXX_COMPILER_ID:GNU>:-Wno-restrict;-Wno-stringop-overflow;-Wno-stringop-overread;-Wno-array-bounds>)

# A precompiled header takes a file that includes torch from about 12 s to 3 s. One is shared by everything that links
# cnf::libtorch here: cnf_precompile_torch(target).
if(TARGET cnf::libtorch)
  file(CONFIGURE OUTPUT ${PROJECT_BINARY_DIR}/torch_pch.cpp CONTENT "")
  add_library(cnf_torch_pch OBJECT ${PROJECT_BINARY_DIR}/torch_pch.cpp)
  target_link_libraries(cnf_torch_pch PRIVATE cnf::libtorch cnf_developer)
  target_precompile_headers(cnf_torch_pch PRIVATE <torch/nn/module.h> <ATen/ATen.h> <torch/optim/adam.h>)
endif()

function(cnf_precompile_torch target)
  target_precompile_headers(${target} REUSE_FROM cnf_torch_pch)
  # ccache can only cache a file that uses a precompiled header when this is given
  target_compile_options(${target} PRIVATE $<$<CXX_COMPILER_ID:GNU>:-fpch-preprocess>)
endfunction()
