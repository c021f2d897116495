# What an installation has, and where it looks for its parts:
#   bin/tagalong                    finds the library in ../lib, ../lib/ARCH, ../lib64, ../lib/tagalong
#   LIBDIR/libtagalong.so           finds the agent beside itself or in ../bin, ../../bin
#   libexec/tagalong/...            what the agent starts when a program crashes
#   include/tagalong.h              the optional API; header only, nothing to link
# Nothing of it holds the prefix, so a tree can be moved.
include(CMakePackageConfigHelpers)

install(TARGETS tagalong_cli RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
install(TARGETS tagalong LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR})

if(EXISTS ${CMAKE_SOURCE_DIR}/runtime/include/tagalong.h)
  install(FILES ${CMAKE_SOURCE_DIR}/runtime/include/tagalong.h
    DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
endif()

# The package file finds its prefix from where it lies, so a tree can be moved.
file(RELATIVE_PATH TA_PC_PREFIX /${CMAKE_INSTALL_LIBDIR}/pkgconfig /)
string(REGEX REPLACE "/$" "" TA_PC_PREFIX "${TA_PC_PREFIX}")
configure_file(${CMAKE_CURRENT_LIST_DIR}/tagalong.pc.in ${CMAKE_BINARY_DIR}/tagalong.pc @ONLY)
install(FILES ${CMAKE_BINARY_DIR}/tagalong.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)

set(TA_PACKAGE_DIR ${CMAKE_INSTALL_LIBDIR}/cmake/tagalong)
configure_package_config_file(${CMAKE_CURRENT_LIST_DIR}/tagalongConfig.cmake.in
  ${CMAKE_BINARY_DIR}/tagalongConfig.cmake
  INSTALL_DESTINATION ${TA_PACKAGE_DIR}
  PATH_VARS CMAKE_INSTALL_INCLUDEDIR CMAKE_INSTALL_LIBDIR CMAKE_INSTALL_BINDIR)
write_basic_package_version_file(${CMAKE_BINARY_DIR}/tagalongConfigVersion.cmake
  COMPATIBILITY SameMajorVersion)
install(FILES ${CMAKE_BINARY_DIR}/tagalongConfig.cmake
  ${CMAKE_BINARY_DIR}/tagalongConfigVersion.cmake DESTINATION ${TA_PACKAGE_DIR})

# tagalong(3) is another name of libtagalong(3).
foreach(page docs/tagalong.1 docs/tagalong.7 docs/libtagalong.3 docs/tagalong.3)
  string(REGEX REPLACE ".*\\." "" section ${page})
  install(FILES ${CMAKE_SOURCE_DIR}/${page} DESTINATION ${CMAKE_INSTALL_MANDIR}/man${section})
endforeach()

set(TA_ZSH_COMPLETIONS_DIR ${CMAKE_INSTALL_DATADIR}/zsh/site-functions CACHE STRING
  "Where zsh looks for completions, below the prefix")
install(FILES ${CMAKE_SOURCE_DIR}/docs/completions/tagalong.bash
  DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions RENAME tagalong)
install(FILES ${CMAKE_SOURCE_DIR}/docs/completions/_tagalong DESTINATION ${TA_ZSH_COMPLETIONS_DIR})

install(FILES ${CMAKE_SOURCE_DIR}/LICENSE ${CMAKE_SOURCE_DIR}/README.md
  DESTINATION ${CMAKE_INSTALL_DOCDIR})
install(FILES ${CMAKE_SOURCE_DIR}/docs/systemd/tagalong.conf
  DESTINATION ${CMAKE_INSTALL_DOCDIR}/examples)
