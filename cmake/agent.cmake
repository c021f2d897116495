# The parsers and the wire as a library; tagalong: the command and the agent, one binary.
add_library(ta_protocol STATIC)
file(GLOB TA_PROTOCOL_SOURCES CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/runtime/protocol/*.c)
file(GLOB TA_WIRE_SOURCES CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/runtime/wire/*.c)
target_sources(ta_protocol PRIVATE ${TA_PROTOCOL_SOURCES} ${TA_WIRE_SOURCES})
target_link_libraries(ta_protocol PUBLIC ta_flags ta_sanitize)

if(TA_HOST_ONLY)
  return()
endif()
find_package(PkgConfig REQUIRED)
pkg_check_modules(CJSON REQUIRED IMPORTED_TARGET libcjson)
pkg_check_modules(ZLIB REQUIRED IMPORTED_TARGET zlib)
# Its headers only: the library is loaded when there is something to send (runtime/export/curl.c).
pkg_check_modules(CURL REQUIRED libcurl)
find_package(Threads REQUIRED)

file(GLOB TA_AGENT_SOURCES CONFIGURE_DEPENDS
  ${CMAKE_SOURCE_DIR}/runtime/agent/*.c ${CMAKE_SOURCE_DIR}/runtime/export/*.c)
add_library(ta_agent STATIC ${TA_AGENT_SOURCES})
target_include_directories(ta_agent PRIVATE ${CURL_INCLUDE_DIRS})
target_link_libraries(ta_agent PUBLIC ta_protocol m Threads::Threads PkgConfig::ZLIB ${CMAKE_DL_LIBS})

file(GLOB TA_CLI_SOURCES CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/runtime/cli/*.c)
add_executable(tagalong_cli ${TA_CLI_SOURCES})
set_target_properties(tagalong_cli PROPERTIES OUTPUT_NAME tagalong)
target_link_libraries(tagalong_cli PRIVATE ta_agent PkgConfig::CJSON)

# The page of `tagalong report` is part of the command (runtime/cli/report_page.c).
file(GLOB TA_PAGE_FILES CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/runtime/cli/page/*)
set_source_files_properties(${CMAKE_SOURCE_DIR}/runtime/cli/report_page.c PROPERTIES
  COMPILE_DEFINITIONS TA_PAGE_DIR="${CMAKE_SOURCE_DIR}/runtime/cli/page"
  OBJECT_DEPENDS "${TA_PAGE_FILES}")
