# The toolchain of the static release: clang and libc++ against musl, in the sysroot that cmake/musl/build makes.
set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSTEM_PROCESSOR x86_64)

execute_process(COMMAND ${CMAKE_CURRENT_LIST_DIR}/musl/build
  OUTPUT_VARIABLE MANGROVE_SYSROOT OUTPUT_STRIP_TRAILING_WHITESPACE RESULT_VARIABLE failed)
if(failed)
  message(FATAL_ERROR "cmake/musl/build failed; ./install-dependencies installs what it needs")
endif()

# Libraries that were found stay as they were found.
if(DEFINED CACHE{MANGROVE_CONFIGURED_FOR} AND NOT MANGROVE_CONFIGURED_FOR STREQUAL MANGROVE_SYSROOT)
  message(FATAL_ERROR "${CMAKE_BINARY_DIR}: the toolchain has changed since this directory was configured; "
    "run cmake --fresh --preset release")
endif()
set(MANGROVE_CONFIGURED_FOR ${MANGROVE_SYSROOT} CACHE INTERNAL "the sysroot of the libraries that were found")

set(CMAKE_SYSROOT ${MANGROVE_SYSROOT})
set(CMAKE_C_COMPILER ${MANGROVE_SYSROOT}/bin/cc)
set(CMAKE_CXX_COMPILER ${MANGROVE_SYSROOT}/bin/c++)
set(CMAKE_AR /usr/bin/llvm-ar-19)
set(CMAKE_RANLIB /usr/bin/llvm-ranlib-19)
set(CMAKE_STRIP /usr/bin/llvm-strip-19)
set(CMAKE_FIND_ROOT_PATH ${MANGROVE_SYSROOT}/usr)
set(CMAKE_FIND_ROOT_PATH_MODE_PROGRAM NEVER)
set(CMAKE_FIND_ROOT_PATH_MODE_LIBRARY ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_INCLUDE ONLY)
set(CMAKE_FIND_LIBRARY_SUFFIXES .a)
set(ENV{PKG_CONFIG_LIBDIR} ${MANGROVE_SYSROOT}/usr/lib/pkgconfig)
set(ENV{PKG_CONFIG_PATH} "")
unset(ENV{LIBRARY_PATH})
