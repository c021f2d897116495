# Cross-building for aarch64 with Debian's gcc-aarch64-linux-gnu:
#
#   cmake -S . -B DIR -DCMAKE_TOOLCHAIN_FILE=cmake/aarch64.cmake [-DTA_SYSROOT=ROOT | -DTA_HOST_ONLY=ON]
#
# ROOT is a root directory with the libraries of the command and the agent for arm64; without
# it there is the host's side only.  Tests run under qemu-user.
set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSTEM_PROCESSOR aarch64)
set(CMAKE_C_COMPILER aarch64-linux-gnu-gcc)
set(TA_SYSROOT "" CACHE PATH "Root directory with arm64 libraries")
list(APPEND CMAKE_TRY_COMPILE_PLATFORM_VARIABLES TA_SYSROOT)
if(TA_SYSROOT)
  set(CMAKE_SYSROOT ${TA_SYSROOT})
  set(ENV{PKG_CONFIG_SYSROOT_DIR} ${TA_SYSROOT})
  set(ENV{PKG_CONFIG_LIBDIR} ${TA_SYSROOT}/usr/lib/aarch64-linux-gnu/pkgconfig)
  set(CMAKE_CROSSCOMPILING_EMULATOR qemu-aarch64-static -L ${TA_SYSROOT})
else()
  set(CMAKE_CROSSCOMPILING_EMULATOR qemu-aarch64-static -L /usr/aarch64-linux-gnu)
endif()
set(CMAKE_FIND_ROOT_PATH_MODE_PROGRAM NEVER)
set(CMAKE_FIND_ROOT_PATH_MODE_LIBRARY ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_INCLUDE ONLY)
