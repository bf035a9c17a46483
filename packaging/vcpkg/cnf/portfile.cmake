# An overlay port of this clone: vcpkg install cnf --overlay-ports=packaging/vcpkg
set(SOURCE_PATH "${CMAKE_CURRENT_LIST_DIR}/../../..")
set(VCPKG_BUILD_TYPE release)  # headers only

set(CNF_EIGEN OFF)
set(CNF_LIBTORCH OFF)
if("eigen" IN_LIST FEATURES)
  set(CNF_EIGEN ON)
endif()
if("libtorch" IN_LIST FEATURES)
  set(CNF_LIBTORCH ON)
endif()

vcpkg_cmake_configure(
  SOURCE_PATH "${SOURCE_PATH}"
  OPTIONS -DCNF_BUILD_TESTS=OFF
          -DCNF_BUILD_EXAMPLES=OFF
          -DCNF_BUILD_BENCHMARKS=OFF
          -DCNF_EIGEN=${CNF_EIGEN}
          -DCNF_LIBTORCH=${CNF_LIBTORCH})
vcpkg_cmake_install()
vcpkg_cmake_config_fixup(PACKAGE_NAME cnf CONFIG_PATH share/cmake/cnf)
file(REMOVE_RECURSE "${CURRENT_PACKAGES_DIR}/lib")
file(INSTALL "${CMAKE_CURRENT_LIST_DIR}/usage" DESTINATION "${CURRENT_PACKAGES_DIR}/share/${PORT}")
vcpkg_install_copyright(FILE_LIST "${SOURCE_PATH}/LICENSE")
