# The official LibTorch brings an OpenMP runtime of its own, under another name than the compiler's. Both in one process are
# two pools of threads that wait for each other, so what we compile with OpenMP then links LibTorch's.
function(cnf_use_openmp_of_torch)
  if(NOT TARGET OpenMP::OpenMP_CXX OR NOT TORCH_INSTALL_PREFIX)
    return()
  endif()
  file(GLOB bundled "${TORCH_INSTALL_PREFIX}/lib/libgomp*.so*")
  if(bundled)
    list(GET bundled 0 first)
    set_target_properties(OpenMP::OpenMP_CXX PROPERTIES INTERFACE_LINK_LIBRARIES ${first})
  endif()
endfunction()
