# tagalong-replay: runs scenarios through the public API (tests/conformance).
# tagalong-test-agent: the agent with a clock that can be moved.
if(NOT BUILD_TESTING)
  return()
endif()

find_package(Threads REQUIRED)
file(GLOB TA_REPLAY_SOURCES CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/tests/conformance/*.c)
list(FILTER TA_REPLAY_SOURCES EXCLUDE REGEX "/clock\\.c$")
add_executable(tagalong_replay ${TA_REPLAY_SOURCES})
set_target_properties(tagalong_replay PROPERTIES OUTPUT_NAME tagalong-replay)
target_link_libraries(tagalong_replay PRIVATE ta_flags PkgConfig::CJSON Threads::Threads m ${CMAKE_DL_LIBS})

# Our clock.c comes first, so that the library's is never looked for.
add_executable(tagalong_test_agent ${TA_CLI_SOURCES} ${CMAKE_SOURCE_DIR}/tests/conformance/clock.c)
set_target_properties(tagalong_test_agent PROPERTIES OUTPUT_NAME tagalong-test-agent)
target_link_libraries(tagalong_test_agent PRIVATE ta_agent PkgConfig::CJSON)
