# cpack --config build/CPackConfig.cmake: the Debian package libcnf-dev, of every component that was configured.
set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME libcnf-dev)
set(CPACK_PACKAGE_CONTACT "The cnf authors <maintainers@cnf.example>")
set(CPACK_PACKAGE_VERSION ${PROJECT_VERSION})
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_ARCHITECTURE all)
set(CPACK_DEBIAN_PACKAGE_SECTION libdevel)
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "conditional normalizing flows as C++20 types")
set(CPACK_DEBIAN_PACKAGE_DESCRIPTION
    "A header-only library in which a conditional normalizing flow is a type: the
compiler checks shapes, forward, inverse and log-determinant. LibTorch trains
it, on CPU or CUDA, and Eigen alone can run it.

This package has the headers and the files for CMake's find_package(cnf).")
if("eigen" IN_LIST CNF_COMPONENTS)
  set(CPACK_DEBIAN_PACKAGE_RECOMMENDS "libeigen3-dev (>= 3.4), nlohmann-json3-dev (>= 3.10)")
endif()
if("libtorch" IN_LIST CNF_COMPONENTS)
  set(CPACK_DEBIAN_PACKAGE_SUGGESTS "libtorch-dev")
endif()
# what people get from their umask must not be what a package has
set(CPACK_INSTALL_DEFAULT_DIRECTORY_PERMISSIONS OWNER_READ OWNER_WRITE OWNER_EXECUTE GROUP_READ GROUP_EXECUTE WORLD_READ
                                                WORLD_EXECUTE)

# Debian's own documents of a package
set(changelog ${PROJECT_BINARY_DIR}/packaging/changelog.gz)
file(MAKE_DIRECTORY ${PROJECT_BINARY_DIR}/packaging)
find_program(CNF_GZIP gzip)
if(CNF_GZIP)
  execute_process(COMMAND ${CNF_GZIP} -9nc ${PROJECT_SOURCE_DIR}/packaging/debian/changelog OUTPUT_FILE ${changelog})
  install(FILES ${changelog} ${PROJECT_SOURCE_DIR}/packaging/debian/copyright
          DESTINATION ${CMAKE_INSTALL_DATADIR}/doc/libcnf-dev COMPONENT debian EXCLUDE_FROM_ALL)
endif()
set(CPACK_INSTALL_CMAKE_PROJECTS "${PROJECT_BINARY_DIR};cnf;Unspecified;/;${PROJECT_BINARY_DIR};cnf;debian;/")
include(CPack)
