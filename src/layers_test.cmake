# Checks the includes of src/ against the layers: `cmake -P src/layers_test.cmake`. A room may include itself and the
# rooms in its line; provision and main may include everything. Fakes and tests are free.
cmake_minimum_required(VERSION 3.25)

set(rooms
  "base:"
  "verity: base"
  "oci: base"
  "system: base"
  "machine: system base"
  "system/linux: machine system base"
  "tpm: system base"
  "definition: oci base"
  "trust: definition base"
  "net: machine system base"
  "boot: net machine system base"
  "iscsi: machine system base"
  "nbd: base"
  "lazy: oci net machine system base"
  "source: tpm trust definition boot net machine base"
  "attach: mount boot iscsi nbd lazy net definition verity machine system base"
  "mount: attach boot definition net machine system base"
  "keeper: verity machine system base"
  "initramfs: trust definition base"
  "root: attach mount boot keeper definition net machine system/linux system base"
  "live: root net machine system/linux system base"
  "health: status root machine net system/linux system base"
  "restart: attach mount boot root keeper net machine system/linux system base"
  "status: live root keeper machine system/linux system base"
  "head/host: base"
  "head/nodes: head/host base"
  "head/rollout: head/nodes head/host base"
  "head/configure: head/nodes head/host base"
  "head/import: head/nodes head/host base"
  "head/image: head/host oci verity base"
  "head/files: head/nodes head/image head/host base"
  "head/power: head/files head/nodes head/host base"
  "head/publish: head/host head/image definition oci iscsi nbd base"
  "head/target: head/host head/image head/publish base"
  "head/operations: head/serve head/host head/nodes head/rollout head/power head/files head/image head/publish trust definition base"
  "head/command: head/operations head/host head/nodes head/rollout head/power head/configure head/import head/files head/image head/publish head/target trust definition base"
  "head/serve: head/host head/nodes head/rollout head/files head/image head/publish tpm trust definition base"
  "head/api: head/operations head/rollout head/serve head/power head/host head/nodes head/files head/image head/publish base"
  "head/daemon: head/api head/serve head/rollout head/power head/host head/nodes base")

set(bad "")
set(count 0)
foreach(line IN LISTS rooms)
  string(REGEX MATCH "^([a-z/]+):(.*)$" matched "${line}")
  set(room ${CMAKE_MATCH_1})
  string(REGEX MATCHALL "[a-z/]+" allowed "${CMAKE_MATCH_2}")
  set(unused ${allowed})
  # Relative, for the checkout itself may be in a folder named like a test.
  file(GLOB files RELATIVE "${CMAKE_CURRENT_LIST_DIR}"
    "${CMAKE_CURRENT_LIST_DIR}/${room}/*.h" "${CMAKE_CURRENT_LIST_DIR}/${room}/*.cpp")
  foreach(file IN LISTS files)
    if(file MATCHES "_test|_fuzz|^boot/provision")
      continue()
    endif()
    math(EXPR count "${count} + 1")
    file(STRINGS "${CMAKE_CURRENT_LIST_DIR}/${file}" includes REGEX "^#include \"")
    foreach(include IN LISTS includes)
      string(REGEX REPLACE "^#include \"(.*)/[^/]*\".*" "\\1" included "${include}")
      list(REMOVE_ITEM unused ${included})
      if(NOT included STREQUAL room AND NOT included IN_LIST allowed)
        string(APPEND bad "${file}: ${room} must not include ${included}\n")
      endif()
    endforeach()
  endforeach()
  if(unused)
    string(APPEND bad "${room}: may include ${unused}, but does not\n")
  endif()
endforeach()
if(count LESS 200)
  message(FATAL_ERROR "only ${count} files of src/ were looked at")
endif()
if(bad)
  message(FATAL_ERROR "${bad}")
endif()
