# Unit tests: every tests/unit/NAME.c is a program and a test; exit status 77 is
# a skip.  Files called support*.c are linked into all of them.
# Fuzzers: every tests/fuzz/NAME.c becomes fuzz_NAME (clang, -DTA_FUZZ=ON).
# What has to be run with a preloaded library has its own runner: tests/*/run.
if(NOT BUILD_TESTING)
  return()
endif()

# The parts as libraries, so that a test links what it calls and nothing else.
file(GLOB TA_CORE_SOURCES CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/runtime/core/*.c)
if(TA_HOST_ONLY)
  set(TA_TESTED ta_protocol)
else()
  set(TA_TESTED_CLI ${TA_CLI_SOURCES})
  list(FILTER TA_TESTED_CLI EXCLUDE REGEX "/main\\.c$")
  add_library(ta_cli STATIC EXCLUDE_FROM_ALL ${TA_TESTED_CLI})
  target_link_libraries(ta_cli PUBLIC ta_agent PkgConfig::CJSON)
  set(TA_TESTED ta_cli ta_agent)
endif()
if(TA_CORE_SOURCES)
  add_library(ta_core STATIC EXCLUDE_FROM_ALL ${TA_CORE_SOURCES})
  target_link_libraries(ta_core PUBLIC ta_protocol)
  # gcc says that its thread sanitizer does not see fences; what they order is atomic.
  if(TA_SANITIZE MATCHES thread AND CMAKE_C_COMPILER_ID STREQUAL "GNU")
    target_compile_options(ta_core PRIVATE -Wno-tsan)
  endif()
  list(APPEND TA_TESTED ta_core)
endif()

file(GLOB TA_UNIT_SUPPORT CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/tests/unit/support*.c)
file(GLOB TA_UNIT_TESTS CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/tests/unit/*.c)
list(REMOVE_ITEM TA_UNIT_TESTS "" ${TA_UNIT_SUPPORT})
if(TA_HOST_ONLY)
  set(outside "(runtime/(agent|export|cli|stacks)/|cjson/|zlib|tests/unit/(bucket|enrich|flush|metrics|otlp|scopes|sentry|spans|spools|stacks|support_segment))")
  foreach(source ${TA_UNIT_TESTS} ${TA_UNIT_SUPPORT})
    file(STRINGS ${source} found REGEX "^#include [<\"]${outside}" LIMIT_COUNT 1)
    if(found)
      list(REMOVE_ITEM TA_UNIT_TESTS ${source})
      list(REMOVE_ITEM TA_UNIT_SUPPORT ${source})
    endif()
  endforeach()
endif()
find_package(Threads REQUIRED)
set(TA_UNIT_SECONDS 120)
if(CMAKE_CROSSCOMPILING OR TA_SANITIZE)
  set(TA_UNIT_SECONDS 600) # emulators and sanitizers take longer
endif()
add_custom_target(unit)
foreach(source ${TA_UNIT_TESTS})
  get_filename_component(name ${source} NAME_WE)
  string(REGEX REPLACE "^test_" "" name ${name})
  add_executable(unit_${name} ${source} ${TA_UNIT_SUPPORT})
  set_target_properties(unit_${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/unit)
  target_link_libraries(unit_${name} PRIVATE ${TA_TESTED} Threads::Threads m)
  add_dependencies(unit unit_${name})
  add_test(NAME unit/${name} COMMAND unit_${name} WORKING_DIRECTORY ${CMAKE_SOURCE_DIR})
  set_tests_properties(unit/${name} PROPERTIES SKIP_RETURN_CODE 77
    TIMEOUT ${TA_UNIT_SECONDS})
endforeach()

if(TA_HOST_ONLY)
  return()
endif()

# Run by tests/bench/run.
add_executable(bench_agent_rate ${CMAKE_SOURCE_DIR}/tests/bench/agent_rate.c
  ${CMAKE_SOURCE_DIR}/tests/unit/support_segment.c)
target_link_libraries(bench_agent_rate PRIVATE ta_agent Threads::Threads)
add_executable(bench_spans ${CMAKE_SOURCE_DIR}/tests/bench/spans.c
  ${CMAKE_SOURCE_DIR}/tests/unit/support_segment.c)
target_link_libraries(bench_spans PRIVATE ta_agent)
add_executable(bench_receiver ${CMAKE_SOURCE_DIR}/tests/bench/receiver.c)
target_link_libraries(bench_receiver PRIVATE ta_flags PkgConfig::ZLIB)

# By hand: what a span costs to encode.
add_executable(bench_encode ${CMAKE_SOURCE_DIR}/tests/bench/encode.c)
target_link_libraries(bench_encode PRIVATE ta_agent m)

# Told what to do by tests/delivery/run.  Its clock comes first, so that the library's is never
# looked for.
add_executable(delivery_driver ${CMAKE_SOURCE_DIR}/tests/delivery/driver.c)
target_link_libraries(delivery_driver PRIVATE ta_agent Threads::Threads)

# The library as a later and as an earlier version would be, for tests/faults: only what writes and checks
# the number of the wire is compiled anew.
function(ta_library_of_version name version)
  add_library(${name} MODULE ${CMAKE_SOURCE_DIR}/preload/segment_file.c
    ${CMAKE_SOURCE_DIR}/preload/starter.c
    "$<FILTER:$<TARGET_OBJECTS:tagalong>,EXCLUDE,/segment_file[.]c|/starter[.]c>")
  add_dependencies(${name} ta_exports tagalong)
  target_compile_definitions(${name} PRIVATE $<TARGET_PROPERTY:tagalong,COMPILE_DEFINITIONS>
    TA_WIRE_VERSION=${version}u)
  target_compile_options(${name} PRIVATE $<TARGET_PROPERTY:tagalong,COMPILE_OPTIONS>)
  target_link_libraries(${name} PRIVATE ta_flags)
  target_link_options(${name} PRIVATE $<TARGET_PROPERTY:tagalong,LINK_OPTIONS>)
endfunction()
ta_library_of_version(tagalong_next 999)
ta_library_of_version(tagalong_earlier 1)

if(TA_FUZZ)
  if(NOT CMAKE_C_COMPILER_ID STREQUAL "Clang")
    message(FATAL_ERROR "TA_FUZZ needs clang: CC=clang cmake -DTA_FUZZ=ON ...")
  endif()
  file(GLOB TA_FUZZERS CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/tests/fuzz/*.c)
  # The code under test is compiled anew, with coverage for the fuzzer.
  add_library(ta_fuzzed STATIC EXCLUDE_FROM_ALL ${TA_PROTOCOL_SOURCES} ${TA_WIRE_SOURCES}
    ${TA_AGENT_SOURCES} ${TA_TESTED_CLI})
  target_include_directories(ta_fuzzed PRIVATE ${CURL_INCLUDE_DIRS})
  target_link_libraries(ta_fuzzed PUBLIC ta_flags PkgConfig::CJSON PkgConfig::ZLIB Threads::Threads m
    ${CMAKE_DL_LIBS})
  target_compile_options(ta_fuzzed PUBLIC -g -O1 -fsanitize=fuzzer-no-link,address,undefined
    -fno-sanitize-recover=all)
  add_custom_target(fuzz)
  foreach(source ${TA_FUZZERS})
    get_filename_component(name ${source} NAME_WE)
    string(REGEX REPLACE "^fuzz_" "" name ${name})
    add_executable(fuzz_${name} ${source})
    set_target_properties(fuzz_${name} PROPERTIES
      RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/fuzz)
    add_dependencies(fuzz fuzz_${name})
    target_link_libraries(fuzz_${name} PRIVATE ta_fuzzed)
    target_link_options(fuzz_${name} PRIVATE -fsanitize=fuzzer,address,undefined)
  endforeach()
  # The host's side, too, with hosts and segments made by hand.
  add_library(ta_core_fuzzed STATIC EXCLUDE_FROM_ALL ${TA_CORE_SOURCES})
  target_link_libraries(ta_core_fuzzed PUBLIC ta_fuzzed)
  target_link_libraries(fuzz_format PRIVATE ta_core_fuzzed)
  target_link_libraries(fuzz_inject PRIVATE ta_core_fuzzed)
  target_sources(fuzz_inject PRIVATE ${CMAKE_SOURCE_DIR}/hooks/inject.c
    ${CMAKE_SOURCE_DIR}/hooks/inject_tls.c ${CMAKE_SOURCE_DIR}/tests/unit/support_host.c)
  target_sources(fuzz_segment PRIVATE ${CMAKE_SOURCE_DIR}/tests/unit/support_segment.c)
endif()
