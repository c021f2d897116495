# libtagalong.so: what is injected.  libc and nothing else.
set(TA_HOOKS_DEF ${CMAKE_SOURCE_DIR}/hooks/hooks.def)
set(TA_EXPORTS ${CMAKE_BINARY_DIR}/exports.map)
add_custom_command(OUTPUT ${TA_EXPORTS}
  COMMAND ${CMAKE_C_COMPILER} -E -P -x c -I${CMAKE_SOURCE_DIR}
          ${CMAKE_SOURCE_DIR}/preload/exports.map.in -o ${TA_EXPORTS}
  DEPENDS ${TA_HOOKS_DEF} ${CMAKE_SOURCE_DIR}/preload/exports.map.in)
add_custom_target(ta_exports DEPENDS ${TA_EXPORTS})

file(GLOB TA_HOST_SOURCES CONFIGURE_DEPENDS
  ${CMAKE_SOURCE_DIR}/preload/*.c ${CMAKE_SOURCE_DIR}/hooks/*.c
  ${CMAKE_SOURCE_DIR}/runtime/core/*.c ${CMAKE_SOURCE_DIR}/runtime/protocol/*.c)
# Only the agent scrubs.
list(FILTER TA_HOST_SOURCES EXCLUDE REGEX "/scrub[a-z_]*\\.c$")
add_library(tagalong SHARED ${TA_HOST_SOURCES}
  ${CMAKE_SOURCE_DIR}/runtime/wire/lane.c ${CMAKE_SOURCE_DIR}/runtime/wire/config.c
  ${CMAKE_SOURCE_DIR}/runtime/wire/session.c ${CMAKE_SOURCE_DIR}/runtime/wire/sampler.c)
add_dependencies(tagalong ta_exports)
set_target_properties(tagalong PROPERTIES NO_SONAME OFF)
target_link_libraries(tagalong PRIVATE ta_flags)
# The library is what tagalong.h looks up; it needs the types only.
target_compile_definitions(tagalong PRIVATE TAGALONG_DISABLE)
target_compile_definitions(tagalong PRIVATE TA_CONFIG_HOST)
# Initial-exec TLS: the general-dynamic model calls malloc.  No stack protector
# and no fortify: the hooks are called before and below what those rely on.
set(TA_HOST_OPTIMIZE "-O2" CACHE STRING "Compiler and linker options that decide how fast the library is: -O0 to -O3, -flto")
separate_arguments(TA_HOST_OPTIONS UNIX_COMMAND "${TA_HOST_OPTIMIZE}")
target_compile_options(tagalong PRIVATE ${TA_HOST_OPTIONS} -fPIC -ftls-model=initial-exec -fno-stack-protector
  -U_FORTIFY_SOURCE -fno-exceptions
  -fno-builtin-malloc $<$<C_COMPILER_ID:GNU>:-Wstack-usage=2560>)
# Link time optimization knows nothing of what assembly at file level names and versions.
foreach(source ${TA_HOST_SOURCES})
  file(STRINGS ${source} assembly REGEX "^__asm__|^TA_OLD|preload/baseline\\.h" LIMIT_COUNT 1)
  if(assembly)
    set_source_files_properties(${source} PROPERTIES COMPILE_OPTIONS -fno-lto)
  endif()
endforeach()
# What a compiler lacks (a division of 128 bits) comes from its static library: lld takes the shared one
# for what link time optimization asks for late, and a host need not have that.
target_link_options(tagalong PRIVATE ${TA_HOST_OPTIONS} -static-libgcc
  -Wl,--version-script=${TA_EXPORTS} -Wl,-z,defs -Wl,-z,now -Wl,-z,nodelete -Wl,-z,noexecstack
  -Wl,-z,relro -Wl,--no-undefined -Wl,--as-needed)
set_target_properties(tagalong PROPERTIES LINK_DEPENDS ${TA_EXPORTS})
