#pragma once

#include <string>
#include <vector>

#include "net/bring_up.h"

namespace mangrove {

/// A file for the real root's network manager, below /run.
struct NetworkFile {
    std::string path;
    std::string contents;
    unsigned mode = 0644;
};

/// What systemd-networkd (systemd.network(5)) and NetworkManager (nm-settings-keyfile(5)) need to go on with
/// each link as it stands: matched by MAC, with the same client identifier, without taking the address away.
/// Links that somebody else configured have no file.
std::vector<NetworkFile> network_files(const NetworkConfiguration& configuration);

/// /etc/resolv.conf (resolv.conf(5)).
std::string resolver_file(const NetworkConfiguration& configuration);

} // namespace mangrove
