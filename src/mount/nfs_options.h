#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "definition/definition.h"
#include "system/network.h"
#include "system/system.h"

namespace mangrove {

inline constexpr uint16_t kPortmapperPort = 111;

/// Returns the versions to try, in order.
std::vector<std::string> nfs_versions(const definition::MountNfs& wanted);

/// Returns the kernel module of this version.
std::string_view nfs_module(std::string_view version);

/// Returns the TCP ports to try first for this version; a mount is hopeless when they do not answer. NFS 3
/// asks the portmapper, unless the options name the port of the MOUNT protocol.
std::vector<uint16_t> nfs_ports(const definition::MountNfs& wanted, std::string_view version);

/// Returns "host:path", the host as in the definition, an IPv6 address in brackets.
std::string nfs_source(const definition::MountNfs& wanted);

/// Returns the call of mount(2), in the options of nfs(5) as fs/nfs/fs_context.c takes them: the kernel
/// resolves no names, does the MOUNT call of NFS 3 itself, and finds its own address for callbacks.
Result<MountRequest> nfs_request(const definition::MountNfs& wanted, std::string_view version,
                                 const IpAddress& address);

} // namespace mangrove
