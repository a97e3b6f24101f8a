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
/// Links that somebody else configured have no file. ifupdown's services are kept from taking the links down
/// when the node is shut down.
std::vector<NetworkFile> network_files(const NetworkConfiguration& configuration);

/// A dhclient.conf(5) that has dhclient ask with the client identifier that the lease was got with; left
/// alone where it names one itself. ifupdown starts dhclient with another one, and so with another address.
std::string dhclient_configuration(const std::string& present);

/// /etc/resolv.conf (resolv.conf(5)).
std::string resolver_file(const NetworkConfiguration& configuration);

} // namespace mangrove
