# The packages, as .deb and .rpm: `cmake --workflow --preset release` makes mangrove, which has the program of the nodes and
# dracut's module, `cmake --workflow --preset head` makes mangrovectl. Each has all of the documentation.
if(CMAKE_INSTALL_PREFIX_INITIALIZED_TO_DEFAULT)
  # dracut looks for programs in the directories of the system alone.
  set(CMAKE_INSTALL_PREFIX /usr CACHE PATH "where things are installed" FORCE)
endif()

# The host's dracut, also when the program is built against another sysroot.
if(NOT DEFINED MANGROVE_DRACUT_MODULES)
  execute_process(COMMAND ${CMAKE_COMMAND} -E env --unset=PKG_CONFIG_LIBDIR
      pkg-config --variable=dracutmodulesdir dracut
    OUTPUT_VARIABLE found OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
  if(NOT found)
    set(found /usr/lib/dracut/modules.d)
  endif()
  set(MANGROVE_DRACUT_MODULES ${found} CACHE PATH "where dracut looks for its modules")
endif()
install(DIRECTORY ${PROJECT_SOURCE_DIR}/dracut-module/90mangrove DESTINATION ${MANGROVE_DRACUT_MODULES}
  USE_SOURCE_PERMISSIONS COMPONENT node)
foreach(side "node mangrove" "head mangrovectl")
  separate_arguments(side)
  list(GET side 0 component)
  list(GET side 1 package)
  install(FILES ${PROJECT_SOURCE_DIR}/LICENSE ${PROJECT_SOURCE_DIR}/README.md ${PROJECT_SOURCE_DIR}/kernel-cmdline.md
    DESTINATION share/doc/${package} COMPONENT ${component})
  install(DIRECTORY ${PROJECT_SOURCE_DIR}/docs DESTINATION share/doc/${package} COMPONENT ${component}
    FILES_MATCHING PATTERN "*.md" PATTERN "*.svg" PATTERN "*.json" PATTERN "*.yaml" PATTERN man EXCLUDE)
endforeach()
# Files of the documentation, in blocks that are named by their place.
foreach(example "pxe dnsmasq.d/mangrove.conf mangrove.conf" "pxe mangrove/boot.ipxe boot.ipxe"
    "head dnsmasq.d/mangrove.conf mangrove-head.conf")
  separate_arguments(example)
  list(GET example 0 page)
  list(GET example 1 place)
  list(GET example 2 name)
  file(READ ${PROJECT_SOURCE_DIR}/docs/${page}.md contents)
  if(NOT contents MATCHES "\n```/[a-z]+/${place}\n([^`]*)```")
    message(FATAL_ERROR "docs/${page}.md: no block for ${place}")
  endif()
  file(WRITE ${PROJECT_BINARY_DIR}/examples/${name} "${CMAKE_MATCH_1}")
  install(FILES ${PROJECT_BINARY_DIR}/examples/${name} DESTINATION share/doc/mangrovectl/examples COMPONENT head)
  set_property(DIRECTORY ${PROJECT_SOURCE_DIR} APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS docs/${page}.md)
endforeach()
install(DIRECTORY ${PROJECT_SOURCE_DIR}/images/recipes DESTINATION share/mangrove USE_SOURCE_PERMISSIONS COMPONENT head)

set(CPACK_GENERATOR DEB RPM)
set(CPACK_COMPONENTS_ALL head)
if(CMAKE_CROSSCOMPILING)
  set(CPACK_COMPONENTS_ALL node)
endif()
set(CPACK_DEB_COMPONENT_INSTALL ON)
set(CPACK_RPM_COMPONENT_INSTALL ON)
set(CPACK_STRIP_FILES ON)
set(CPACK_SET_DESTDIR ON) # for the absolute path of the modules
set(CPACK_INSTALL_PREFIX /usr)
set(CPACK_PACKAGE_NAME mangrove)
set(CPACK_PACKAGE_VENDOR Mangrove)
set(CPACK_PACKAGE_CONTACT "The Mangrove project")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY ${PROJECT_DESCRIPTION})
set(CPACK_PACKAGE_DESCRIPTION "The program that makes the initramfs of a diskless node, and is its /init; and the module\
 that takes it into an initramfs of dracut.")
set(CPACK_RESOURCE_FILE_LICENSE ${PROJECT_SOURCE_DIR}/LICENSE)
set(CPACK_DEBIAN_NODE_PACKAGE_NAME mangrove)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SECTION admin)
set(CPACK_DEBIAN_PACKAGE_RECOMMENDS dracut-core)
set(CPACK_RPM_NODE_PACKAGE_NAME mangrove)
set(CPACK_RPM_FILE_NAME RPM-DEFAULT)
set(CPACK_RPM_PACKAGE_LICENSE Apache-2.0)
set(CPACK_RPM_PACKAGE_AUTOREQPROV OFF) # the program is static, the scripts run in dracut's shell
set(CPACK_RPM_PACKAGE_RELOCATABLE OFF)
set(CPACK_RPM_SPEC_MORE_DEFINE "%define _build_id_links none")
# Directories of other packages, which must not go with this one.
set(CPACK_RPM_EXCLUDE_FROM_AUTO_FILELIST_ADDITION /usr/lib/dracut /usr/lib/dracut/modules.d /usr/lib/systemd
  /usr/lib/systemd/system /usr/share/bash-completion /usr/share/bash-completion/completions /usr/share/man
  /usr/share/man/man7 /usr/share/man/man8)

set(CPACK_COMPONENT_HEAD_DESCRIPTION "Builds images for diskless nodes on their head node, and publishes them.")
set(CPACK_DEBIAN_HEAD_PACKAGE_NAME mangrovectl)
set(CPACK_DEBIAN_HEAD_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_HEAD_PACKAGE_RECOMMENDS "mangrove, e2fsprogs, erofs-utils, squashfs-tools")
set(CPACK_DEBIAN_HEAD_PACKAGE_SUGGESTS "ceph-common, ipmitool, mmdebstrap, nbd-server, nfs-ganesha-vfs, nfs-kernel-server, openssh-client, powerman, tgt")
set(CPACK_DEBIAN_HEAD_PACKAGE_CONTROL_EXTRA ${CMAKE_CURRENT_LIST_DIR}/head/postinst ${CMAKE_CURRENT_LIST_DIR}/head/prerm
  ${CMAKE_CURRENT_LIST_DIR}/head/postrm)
set(CPACK_RPM_HEAD_PACKAGE_NAME mangrovectl)
set(CPACK_RPM_HEAD_POST_INSTALL_SCRIPT_FILE ${CMAKE_CURRENT_LIST_DIR}/head/post)
set(CPACK_RPM_HEAD_PRE_UNINSTALL_SCRIPT_FILE ${CMAKE_CURRENT_LIST_DIR}/head/preun)
set(CPACK_RPM_HEAD_PACKAGE_AUTOREQPROV ON)
include(CPack)
