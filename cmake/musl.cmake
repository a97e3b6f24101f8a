# The toolchain of the static release: clang and libc++ against musl, in the sysroot that cmake/musl/build makes.
set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSTEM_PROCESSOR x86_64)

execute_process(COMMAND ${CMAKE_CURRENT_LIST_DIR}/musl/build
  OUTPUT_VARIABLE MANGROVE_SYSROOT OUTPUT_STRIP_TRAILING_WHITESPACE RESULT_VARIABLE failed)
if(failed)
  message(FATAL_ERROR "cmake/musl/build failed; ./install-dependencies installs what it needs")
endif()

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
