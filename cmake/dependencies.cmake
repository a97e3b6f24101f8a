# dep::NAME for each library that we link: the host's, through pkg-config, or the static ones of the musl sysroot,
# whose .pc files the toolchain file has pkg-config read.
find_package(PkgConfig REQUIRED)

function(mangrove_dependency name module)
  pkg_check_modules(${name} REQUIRED ${module})
  add_library(dep_${name} INTERFACE)
  add_library(dep::${name} ALIAS dep_${name})
  if(CMAKE_CROSSCOMPILING)
    target_include_directories(dep_${name} SYSTEM INTERFACE ${${name}_STATIC_INCLUDE_DIRS})
    target_link_libraries(dep_${name} INTERFACE ${${name}_STATIC_LDFLAGS})
  else()
    target_include_directories(dep_${name} SYSTEM INTERFACE ${${name}_INCLUDE_DIRS})
    target_link_libraries(dep_${name} INTERFACE ${${name}_LINK_LIBRARIES})
  endif()
endfunction()

mangrove_dependency(mount mount)
mangrove_dependency(blkid blkid)
mangrove_dependency(kmod libkmod)
mangrove_dependency(cjson libcjson)
mangrove_dependency(zlib zlib)
mangrove_dependency(zstd libzstd)
mangrove_dependency(curl libcurl)
mangrove_dependency(archive libarchive)
mangrove_dependency(sodium libsodium)

# mbedtls 2.28 has no .pc file.
find_library(MBEDCRYPTO_LIBRARY mbedcrypto REQUIRED)
add_library(dep_mbedcrypto INTERFACE)
add_library(dep::mbedcrypto ALIAS dep_mbedcrypto)
target_link_libraries(dep_mbedcrypto INTERFACE ${MBEDCRYPTO_LIBRARY})
