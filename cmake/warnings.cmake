# mangrove_options: how everything of ours is compiled and linked.
add_library(mangrove_options INTERFACE)
target_compile_features(mangrove_options INTERFACE cxx_std_23)
target_compile_options(mangrove_options INTERFACE
  -Wall -Wextra -Wshadow -Wconversion -Werror
  -fno-exceptions -fno-rtti -ffunction-sections -fdata-sections
  # A statement expression is what makes TRY an expression; libstdc++ itself uses what it declares deprecated.
  $<$<CXX_COMPILER_ID:Clang>:-Wno-gnu-statement-expression -Wno-deprecated-declarations>
  # GCC 12 finds both at -O2 in std::string and std::expected themselves.
  $<$<AND:$<CXX_COMPILER_ID:GNU>,$<NOT:$<CONFIG:Debug>>>:-Wno-restrict;-Wno-maybe-uninitialized>)
target_link_options(mangrove_options INTERFACE -Wl,--gc-sections)
set(CMAKE_CXX_EXTENSIONS OFF)

if(CMAKE_CROSSCOMPILING)
  # musl's CMSG_NXTHDR compares signed with unsigned.
  target_compile_options(mangrove_options INTERFACE -Wno-sign-compare)
  # musl's default thread stack of 128 KiB is too small for libmount and libblkid.
  target_link_options(mangrove_options INTERFACE -Wl,-z,stack-size=1048576)
endif()
if(MANGROVE_SANITIZE)
  target_compile_options(mangrove_options INTERFACE -fsanitize=${MANGROVE_SANITIZE} -fno-sanitize-recover=all)
  target_link_options(mangrove_options INTERFACE -fsanitize=${MANGROVE_SANITIZE})
endif()
