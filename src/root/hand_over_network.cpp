#include "root/hand_over_network.h"

#include "base/log.h"
#include "net/lease_files.h"
#include "root/replace_file.h"

namespace mangrove {

static Result<> configure_dhclient(System& system, Root& root) {
    constexpr const char* kPath = "/etc/dhcp/dhclient.conf";
    if (system.path_kind(root.path + kPath) != PathKind::file) return {};
    std::string present = TRY(system.read_file(root.path + kPath));
    std::string wanted = dhclient_configuration(present);
    if (wanted == present) return {};
    return replace_file(system, root, kPath, wanted);
}

/// A link belongs to a resolver of the root, and a file with servers to who made the image.
static Result<> configure_resolver(System& system, Root& root, const NetworkConfiguration& network) {
    constexpr const char* kPath = "/etc/resolv.conf";
    PathKind kind = system.path_kind(root.path + kPath);
    if (network.name_servers.empty() || (kind != PathKind::file && kind != PathKind::missing)) return {};
    if (kind == PathKind::file) {
        std::string present = TRY(system.read_file(root.path + kPath));
        for (const std::string& line : split(present, '\n'))
            if (trim(line).starts_with("nameserver")) return {};
    }
    return replace_file(system, root, kPath, resolver_file(network));
}

static void identify_dhclient(System& system, Root& root) {
    if (Result<> done = configure_dhclient(system, root); !done)
        log_warning("setting dhclient's client identifier: ", done.error().what, ", ignoring");
}

static void name_servers(System& system, Root& root, const NetworkConfiguration& network) {
    if (Result<> done = configure_resolver(system, root, network); !done)
        log_warning("setting the root's name servers: ", done.error().what, ", ignoring");
}

Result<> hand_over_network(System& system, Root& root, const NetworkConfiguration& network) {
    for (const NetworkFile& file : network_files(network)) {
        TRY(system.make_directory(file.path.substr(0, file.path.rfind('/'))));
        TRY(system.write_file(file.path, file.contents, file.mode), "handing the network over");
    }
    if (network.lease()) identify_dhclient(system, root);
    name_servers(system, root, network);
    return {};
}

Result<> hand_over_names(System& system, Root& root, const NetworkConfiguration& network) {
    identify_dhclient(system, root);
    name_servers(system, root, network);
    return {};
}

} // namespace mangrove
