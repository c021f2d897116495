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

if(TARGET unit_stacks_rule)
  target_link_libraries(unit_stacks_rule PRIVATE ta_stacks)
endif()
if(TARGET unit_stacks)
  add_dependencies(unit_stacks tagalong_stacks)
endif()
if(TARGET fuzz_stacks)
  add_library(ta_stacks_fuzzed STATIC EXCLUDE_FROM_ALL ${TA_STACKS_SOURCES})
  target_link_libraries(ta_stacks_fuzzed PUBLIC ta_fuzzed PkgConfig::ELFUTILS)
  foreach(name stacks demangle maps object rule thrown)
    target_link_libraries(fuzz_${name} PRIVATE ta_stacks_fuzzed)
  endforeach()
  target_compile_definitions(fuzz_object PRIVATE TA_FUZZ_BASE="${CMAKE_SOURCE_DIR}/tests/fuzz/base")
endif()
