# tagalong-stacks: stacks with names, a program of its own (runtime/stacks/protocol.h).
# elfutils is needed by this program only.
pkg_check_modules(ELFUTILS REQUIRED IMPORTED_TARGET libdw libelf)

file(GLOB TA_STACKS_SOURCES CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/runtime/stacks/*.c)
list(FILTER TA_STACKS_SOURCES EXCLUDE REGEX "/main\\.c$")
add_library(ta_stacks STATIC ${TA_STACKS_SOURCES} ${CMAKE_SOURCE_DIR}/runtime/export/buf.c)
target_link_libraries(ta_stacks PUBLIC ta_flags ta_sanitize PkgConfig::ELFUTILS Threads::Threads
  ${CMAKE_DL_LIBS})

add_executable(tagalong_stacks ${CMAKE_SOURCE_DIR}/runtime/stacks/main.c)
set_target_properties(tagalong_stacks PROPERTIES OUTPUT_NAME tagalong-stacks)
target_link_libraries(tagalong_stacks PRIVATE ta_stacks)
install(TARGETS tagalong_stacks RUNTIME DESTINATION ${CMAKE_INSTALL_LIBEXECDIR}/tagalong)
