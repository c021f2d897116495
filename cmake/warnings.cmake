# What every target is compiled with, and the sanitizers.
add_library(ta_flags INTERFACE)
target_include_directories(ta_flags INTERFACE ${CMAKE_SOURCE_DIR})
target_compile_definitions(ta_flags INTERFACE _GNU_SOURCE TA_VERSION="${PROJECT_VERSION}")
target_compile_options(ta_flags INTERFACE
  -Wall -Wextra -Wshadow -Wconversion -Wmissing-prototypes -Wstrict-prototypes
  -fvisibility=hidden -fno-common $<$<BOOL:${TA_WERROR}>:-Werror>)

# Sanitizers are for what runs outside the host; the host library stays bare
# (a preload with a sanitizer runtime is another program).
add_library(ta_sanitize INTERFACE)
if(TA_SANITIZE)
  target_compile_options(ta_sanitize INTERFACE -fsanitize=${TA_SANITIZE} -fno-omit-frame-pointer
                         -fno-sanitize-recover=all)
  target_link_options(ta_sanitize INTERFACE -fsanitize=${TA_SANITIZE})
endif()
