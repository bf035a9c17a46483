# What our own programs and tests are compiled with; nobody who uses the library gets any of it.

add_library(cnf_developer INTERFACE)
target_compile_options(
  cnf_developer
  INTERFACE -Wall -Wextra -Wpedantic -Wconversion
            # options are structs with defaults: naming some of the members is how they are meant to be used
            -Wno-missing-field-initializers
            # what g++ means by -Wconversion
            $<$<CXX_COMPILER_ID:Clang>:-Wno-sign-conversion>
            $<$<BOOL:${CNF_WERROR}>:-Werror>
            $<$<BOOL:${CNF_NATIVE}>:-march=native>
            # g++ sees overlapping, endless and too long copies where there are none: 12 inside std::string (GCC bugs
            # 105329, 105651), 14 inside the std::vector<bool> of torch::autograd::Function
            $<$<CXX_COMPILER_ID:GNU>:-Wno-restrict;-Wno-stringop-overflow;-Wno-stringop-overread;-Wno-array-bounds>)

# What tests are compiled with beside: they take long to compile and are quick to run, so they are optimised less.
add_library(cnf_test INTERFACE)
target_compile_options(cnf_test INTERFACE $<$<CONFIG:Release>:-O1>)

# A precompiled header takes a file that includes torch from about 12 s to 3 s. One is shared by all programs that link
# cnf::libtorch here, one by all tests: cnf_precompile_torch(target [cnf_test]).
function(cnf_add_torch_pch name)
  file(CONFIGURE OUTPUT ${PROJECT_BINARY_DIR}/${name}.cpp CONTENT "")
  add_library(${name} OBJECT ${PROJECT_BINARY_DIR}/${name}.cpp)
  target_link_libraries(${name} PRIVATE cnf::libtorch cnf_developer ${ARGN})
  target_precompile_headers(${name} PRIVATE <torch/nn/module.h> <ATen/ATen.h> <torch/optim/adam.h>)
endfunction()
if(TARGET cnf::libtorch)
  cnf_add_torch_pch(cnf_torch_pch)
  if(CNF_BUILD_TESTS)
    cnf_add_torch_pch(cnf_test_torch_pch cnf_test)
  endif()
endif()

function(cnf_precompile_torch target)
  if("cnf_test" IN_LIST ARGN)
    target_link_libraries(${target} PRIVATE cnf_test)
  endif()
  if(CMAKE_CXX_COMPILER_ID MATCHES Clang)
    return()  # clang shares one only among targets whose every flag is the same
  endif()
  if("cnf_test" IN_LIST ARGN)
    target_precompile_headers(${target} REUSE_FROM cnf_test_torch_pch)
  else()
    target_precompile_headers(${target} REUSE_FROM cnf_torch_pch)
  endif()
  # ccache can only cache a file that uses a precompiled header when this is given
  target_compile_options(${target} PRIVATE $<$<CXX_COMPILER_ID:GNU>:-fpch-preprocess>)
endfunction()
