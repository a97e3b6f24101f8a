#pragma once

#include <optional>
#include <string>
#include <vector>

#include "machine/device_modules.h"
#include "machine/kernel_command_line.h"
#include "net/dhcp6_lease.h"
#include "net/dhcp_client.h"
#include "net/ip_argument.h"
#include "net/lease.h"
#include "net/router_options.h"
#include "system/network.h"
#include "system/system.h"

namespace mangrove {

/// A link with its addresses: by our DHCPv4 client, by `ip=`, by router advertisements (IPv6, with DHCPv6 or
/// without), or configured before us.
struct ConfiguredLink {
    Link link;
    bool is_found = false;      ///< somebody else configured it, and still has its lease if there is one
    bool hears_routers = false; ///< it has an address of IPv6 by what they advertise
    std::vector<InterfaceAddress> addresses;
    std::vector<InterfaceAddress> fixed; ///< those of them that `ip=` gives
    std::vector<Route> routes;
    std::optional<Lease> lease;
    std::optional<Dhcp6Lease> dhcp6;
    ResolverAdvice advice;   ///< of routers
    Time configured_at = {}; ///< the lease counts from here
};

/// The current network configuration.
struct NetworkConfiguration {
    std::vector<ConfiguredLink> links; ///< never empty; the first was ready first
    std::vector<Link> carriers;        ///< of VLANs and bonds
    std::string host_name;             ///< offered by `ip=` or by DHCP; empty when nobody offered one
    std::vector<IpAddress> name_servers;
    std::vector<std::string> search;
    PeerDns peer_dns = PeerDns::use; ///< of DHCP servers and routers

    const ConfiguredLink& first() const { return links.front(); }
    /// Returns the lease of the first link that has one.
    const Lease* lease() const;
};

/// Brings up the network as `ip=` and its relatives say (ip_argument.h), by default with DHCP on every card,
/// where the first good answer wins. Uses a link that already has a global address as it is. Writes
/// /etc/resolv.conf. The modules of the cards must be loaded; the cards may still appear. Ignores, with a
/// warning, an invalid argument or one that names a missing card.
///
/// No carrier and no answer within about a minute are transient errors, no card is a permanent one. `choice`
/// selects among the offers on one link; a link without a better one can lose to another link. On failure all
/// links but the loopback are as they were before.
Result<NetworkConfiguration> bring_up_network(System& system, DeviceModules& modules,
                                              const KernelCommandLine& command_line,
                                              OfferChoice choice = OfferChoice::first);

} // namespace mangrove
