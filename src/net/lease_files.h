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

/// Returns the files with which systemd-networkd (systemd.network(5)) and NetworkManager
/// (nm-settings-keyfile(5)) take over each link: matched by MAC, with the same client identifier, without
/// removing the address. Links that another program configured have no file. Keeps ifupdown's services from
/// taking the links down at shutdown.
std::vector<NetworkFile> network_files(const NetworkConfiguration& configuration);

/// Returns a dhclient.conf(5) with the client identifier of the lease, unless `present` names one itself.
/// ifupdown starts dhclient with another identifier, and so gets another address.
std::string dhclient_configuration(const std::string& present);

/// Returns the contents of /etc/resolv.conf (resolv.conf(5)).
std::string resolver_file(const NetworkConfiguration& configuration);

} // namespace mangrove
