#pragma once

#include <optional>
#include <string>
#include <vector>

#include "net/dhcp6_lease.h"
#include "net/dhcp_client.h"
#include "net/lease.h"
#include "net/router_options.h"
#include "system/kernel_command_line.h"
#include "system/network.h"
#include "system/system.h"

namespace mangrove {

/// How a link came to its addresses: by our DHCPv4 client, by what routers advertise (IPv6; with DHCPv6 or
/// without), by `ip=`, or by somebody before us.
enum class LinkOrigin { dhcp, routers, command_line, found };

struct ConfiguredLink {
    Link link;
    LinkOrigin origin = LinkOrigin::dhcp;
    std::vector<InterfaceAddress> addresses;
    std::vector<Route> routes;
    std::optional<Lease> lease;
    std::optional<Dhcp6Lease> dhcp6;
    ResolverAdvice advice;   ///< of routers
    Time configured_at = {}; ///< the lease counts from here
};

/// The network as it stands.
struct NetworkConfiguration {
    std::vector<ConfiguredLink> links; ///< never empty; the first was ready first
    std::vector<Link> carriers;        ///< of VLANs and bonds
    std::string host_name;             ///< offered by `ip=` or by DHCP; empty when nobody offered one
    std::vector<IpAddress> name_servers;
    std::vector<std::string> search;

    const ConfiguredLink& first() const { return links.front(); }
    /// The lease of the first link that has one.
    const Lease* lease() const;
};

/// Brings up the network as `ip=`, `BOOTIF=` and `nameserver=` say, by default with DHCP on every card, where
/// the first good answer wins. A link that has a global address already is left alone and used. Writes
/// /etc/resolv.conf. The modules of the cards must be loaded, the cards may still appear.
///
/// No carrier and no answer within about a minute are transient errors, no card and a bad argument permanent
/// ones. `choice` is among the offers on one link; a link without a better one can lose to another link.
/// On failure all links but the loopback are as they were before.
Result<NetworkConfiguration> bring_up_network(System& system, const KernelCommandLine& command_line,
                                              OfferChoice choice = OfferChoice::first);

} // namespace mangrove
