# cmake -DSOURCE=... -DOUT=... -P vcpkg.cmake: runs the steps of the vcpkg port with functions that do what vcpkg's own do, as
# far as the port uses them.
cmake_minimum_required(VERSION 3.25)
set(PORT cnf)
set(CURRENT_PACKAGES_DIR ${OUT}/package)
set(FEATURES core eigen)
file(REMOVE_RECURSE ${OUT})

function(run)
  execute_process(COMMAND ${ARGN} COMMAND_ERROR_IS_FATAL ANY OUTPUT_QUIET)
endfunction()

function(vcpkg_cmake_configure)
  cmake_parse_arguments(arg "" "SOURCE_PATH" "OPTIONS" ${ARGN})
  run(${CMAKE_COMMAND} -S ${arg_SOURCE_PATH} -B ${OUT}/build ${arg_OPTIONS} -DCMAKE_BUILD_TYPE=Release
      -DCMAKE_INSTALL_PREFIX=${CURRENT_PACKAGES_DIR} --log-level=WARNING)
endfunction()
function(vcpkg_cmake_install)
  run(${CMAKE_COMMAND} --install ${OUT}/build)
endfunction()
function(vcpkg_cmake_config_fixup)
  cmake_parse_arguments(arg "" "PACKAGE_NAME;CONFIG_PATH" "" ${ARGN})
  run(${CMAKE_COMMAND} -E rename ${CURRENT_PACKAGES_DIR}/${arg_CONFIG_PATH} ${CURRENT_PACKAGES_DIR}/share/${arg_PACKAGE_NAME})
endfunction()
function(vcpkg_install_copyright)
  cmake_parse_arguments(arg "" "" "FILE_LIST" ${ARGN})
  file(COPY_FILE ${arg_FILE_LIST} ${CURRENT_PACKAGES_DIR}/share/${PORT}/copyright)
endfunction()

include(${SOURCE}/packaging/vcpkg/cnf/portfile.cmake)

foreach(file IN ITEMS include/cnf/eigen.hpp share/cnf/cnfConfig.cmake share/cnf/cnf-eigen.cmake share/cnf/copyright share/cnf/usage)
  if(NOT EXISTS ${CURRENT_PACKAGES_DIR}/${file})
    message(FATAL_ERROR "expected ${file} in the package")
  endif()
endforeach()
