#include "base/log.h"
#include "source/dracut_root.h"
#include "source/source.h"

// The source `cmdline`: the root that `root=`, `netroot=` and others of dracut.cmdline(7) describe.

namespace mangrove {

/// The server and the name that a root on the command line leaves to DHCP.
static Translation translation_of_network(const NetworkConfiguration& network) {
    if (const Lease* lease = network.lease()) {
        Translation translation = translation_with(*lease);
        if (!network.host_name.empty()) translation.node = network.host_name;
        return translation;
    }
    const std::vector<InterfaceAddress>& addresses = network.first().addresses;
    Translation translation;
    translation.node = network.host_name;
    if (translation.node.empty() && !addresses.empty())
        translation.node = addresses.front().address.to_text();
    return translation;
}

Result<Found> find_in_command_line(Search& search, const std::string&) {
    constexpr const char* kOrigin = "the kernel command line";
    Translation translation;
    std::string definition =
        TRY(definition_from_command_line(search.command_line, translation), "reading ", kOrigin);
    if (translation.needs_lease) {
        TRY(need_network(search));
        translation = translation_of_network(*search.boot.network);
        definition = TRY(definition_from_command_line(search.command_line, translation), "reading ", kOrigin);
    }
    if (translation.needs_lease && translation.server.empty())
        log_warning("kernel command line: no DHCP server named the root's server");
    for (const std::string& notice : translation.notices)
        log_notice("kernel command line: ", notice);
    return Found{std::move(definition), kOrigin, "every user of the node"};
}

} // namespace mangrove
