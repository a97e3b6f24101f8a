#include "net/lease_files.h"

#include <algorithm>

#include "net/dhcp6_client.h"
#include "net/host_addresses.h"

namespace mangrove {

/// The name servers that a manager does not learn from DHCP or routers by itself.
static std::vector<IpAddress> settled_name_servers(const NetworkConfiguration& network,
                                                   const ConfiguredLink& link) {
    std::vector<IpAddress> servers = network.name_servers;
    auto leave_out = [&](const std::vector<IpAddress>& told) {
        std::erase_if(servers,
                      [&](const IpAddress& server) { return std::ranges::find(told, server) != told.end(); });
    };
    if (network.peer_dns == PeerDns::ignore) return servers;
    if (link.lease) leave_out(link.lease->name_servers);
    if (link.dhcp6) leave_out(link.dhcp6->name_servers);
    leave_out(link.advice.name_servers);
    return servers;
}

/// Returns the sections of the addresses and routes of `ip=` and `rd.route=`.
static std::string networkd_fixed_sections(const ConfiguredLink& link) {
    std::string sections;
    for (const InterfaceAddress& address : link.fixed) {
        sections += text("\n[Address]\nAddress=", address.to_text(), "\n");
        if (address.peer)
            sections += text("Peer=", address.peer->to_text(), "/", address.prefix_length, "\n");
    }
    for (const Route& route : link.routes) {
        if (route.origin != RouteOrigin::administrator) continue;
        sections += "\n[Route]\n";
        if (route.prefix_length > 0)
            sections += text("Destination=", route.destination.to_text(), "/", route.prefix_length, "\n");
        if (route.gateway) sections += text("Gateway=", route.gateway->to_text(), "\n");
        if (route.gateway_check == GatewayCheck::on_link) sections += "GatewayOnLink=yes\n";
    }
    return sections;
}

/// It has another one where `ip=` says so, or where the card does not take the server's.
static bool has_mtu_of_lease(const ConfiguredLink& link) {
    return link.lease && link.lease->mtu == link.link.mtu;
}

static std::string_view use_dns(PeerDns dns) {
    return dns == PeerDns::use ? "UseDomains=yes\n" : "UseDNS=no\n";
}

/// The host name is the boot's to set, and the lease must outlive a manager that is stopped: the root depends
/// on it.
static std::string networkd_dhcp_section(const ConfiguredLink& link, PeerDns dns) {
    return text("\n[DHCPv4]\nClientIdentifier=mac\nUseHostname=no\n", use_dns(dns),
                "UseMTU=", has_mtu_of_lease(link) ? "yes" : "no", "\nSendRelease=no\n");
}

/// The same client as the boot's, so that it gets the same address; with an address of DHCPv6 it asks
/// whatever routers say by then.
static std::string networkd_router_sections(const ConfiguredLink& link, PeerDns dns) {
    std::string sections = text("\n[IPv6AcceptRA]\n", use_dns(dns));
    if (!link.dhcp6) return sections;
    bool has_lease = link.dhcp6->address.has_value();
    if (has_lease) sections += "DHCPv6Client=always\n";
    sections += text("\n[DHCPv6]\nDUIDType=link-layer\nIAID=", Dhcp6Client::association(link.link.mac),
                     "\nUseHostname=no\n", use_dns(dns), "SendRelease=no\n");
    return has_lease ? sections + "WithoutRA=solicit\n" : sections;
}

static bool is_stacked(const Link& link) {
    return link.kind == "vlan" || link.kind == "bond";
}

/// Returns the match of the device below a VLAN or a bond. A port of a bond has the MAC address of the bond.
static std::string match_carrier(const Link& link) {
    return is_stacked(link) ? text("[Match]\nName=", link.name, "\n")
                            : text("[Match]\nPermanentMACAddress=", link.mac.to_text(), "\nKind=!*\n");
}

static std::string hardware_address(const Link& link) {
    return link.type == Link::Type::infiniband ? hex(link.address, ':') : link.mac.to_text();
}

/// A bridge or VLAN on top may have the same address: only the card itself is meant. A link of ours on top of
/// others keeps its name.
static std::string match_link(const Link& link) {
    if (is_stacked(link)) return text("[Match]\nName=", link.name, "\n");
    std::string match = text("[Match]\nMACAddress=", hardware_address(link), "\n");
    if (link.type == Link::Type::infiniband) return match + "Type=infiniband\n";
    return match + "Type=ether\n" + (link.kind.empty() ? "Kind=!*\n" : "");
}

/// A card that is up cannot be renamed before Linux 6.2, and systemd-networkd waits for ever for a renaming
/// that failed. The names that udev would have given it are still found.
constexpr std::string_view kKeepName =
    "\n[Link]\nNamePolicy=keep\nAlternativeNamesPolicy=database onboard slot path\n";

static std::string networkd_file(const NetworkConfiguration& network, const ConfiguredLink& link) {
    std::string file = match_link(link.link);
    if (!has_mtu_of_lease(link)) file += text("\n[Link]\nMTUBytes=", link.link.mtu, "\n");
    bool has_dhcp6_address = link.dhcp6 && link.dhcp6->address;
    file += text("\n[Network]\nDHCP=", link.lease          ? (has_dhcp6_address ? "yes" : "ipv4")
                                       : has_dhcp6_address ? "ipv6"
                                                           : "no");
    file += link.hears_routers ? "\nIPv6AcceptRA=yes\nKeepConfiguration=yes\n" : "\nKeepConfiguration=yes\n";
    for (const std::string& server : to_texts(settled_name_servers(network, link)))
        file += text("DNS=", server, "\n");
    bool is_told_domains = (link.lease || link.hears_routers) && network.peer_dns == PeerDns::use;
    if (!is_told_domains && !network.search.empty())
        file += text("Domains=", join(network.search, " "), "\n");
    if (link.lease) file += networkd_dhcp_section(link, network.peer_dns);
    if (link.hears_routers) file += networkd_router_sections(link, network.peer_dns);
    return file + networkd_fixed_sections(link);
}

/// NetworkManager's keyfile lists end in a separator.
static std::string keyfile_list(std::string_view key, const std::vector<std::string>& values) {
    return values.empty() ? std::string() : text(key, "=", join(values, ";"), ";\n");
}

/// The addresses and routes of one version of IP that `ip=` and `rd.route=` give, and the name servers.
static std::string manager_fixed_lines(const NetworkConfiguration& network, const ConfiguredLink& link,
                                       IpAddress::Family family) {
    std::string lines;
    unsigned number = 0;
    auto is_gateway = [&](const Route& route) {
        return route.origin == RouteOrigin::administrator && route.destination.family == family
               && route.prefix_length == 0 && route.gateway;
    };
    auto gateway = std::ranges::find_if(link.routes, is_gateway);
    for (const InterfaceAddress& address : link.fixed) {
        if (address.address.family != family) continue;
        bool has_gateway = ++number == 1 && gateway != link.routes.end();
        lines += text("address", number, "=", address.to_text(),
                      has_gateway ? "," + gateway->gateway->to_text() : std::string(), "\n");
    }
    bool is_gateway_told = number > 0;
    number = 0;
    for (const Route& route : link.routes) {
        if (route.origin != RouteOrigin::administrator || route.destination.family != family) continue;
        if (is_gateway_told && is_gateway(route)) continue;
        lines += text("route", ++number, "=", route.destination.to_text(), "/", route.prefix_length);
        if (route.gateway) lines += "," + route.gateway->to_text();
        lines += "\n";
    }
    std::vector<IpAddress> servers = settled_name_servers(network, link);
    std::erase_if(servers, [&](const IpAddress& server) { return server.family != family; });
    return lines + keyfile_list("dns", to_texts(servers));
}

static std::string manager_section(const NetworkConfiguration& network, const ConfiguredLink& link,
                                   IpAddress::Family family) {
    bool is_v4 = family == IpAddress::Family::v4;
    bool is_automatic = is_v4 ? link.lease.has_value() : link.hears_routers;
    bool is_fixed = std::ranges::any_of(
        link.fixed, [&](const InterfaceAddress& each) { return each.address.family == family; });
    if (!is_automatic && !is_fixed) return is_v4 ? "method=disabled\n" : "method=auto\n";
    std::string section;
    // The root is lost with the address: asking never ends.
    if (is_automatic && is_v4)
        section = "method=auto\ndhcp-client-id=mac\ndhcp-timeout=2147483647\nmay-fail=false\n";
    else if (is_automatic)
        // The address that the kernel has made is made of the hardware's, and so is the DHCPv6 client's name.
        section = "method=auto\naddr-gen-mode=eui64\nip6-privacy=0\ndhcp-duid=ll\ndhcp-iaid=mac\n"
                  "dhcp-timeout=2147483647\nra-timeout=2147483647\nmay-fail=false\n";
    else
        section = "method=manual\nmay-fail=false\n";
    bool takes_dns = is_automatic && network.peer_dns == PeerDns::use;
    if (is_automatic && !takes_dns) section += "ignore-auto-dns=true\n";
    section += manager_fixed_lines(network, link, family);
    return section + (takes_dns ? std::string() : keyfile_list("dns-search", network.search));
}

/// "mangrove" and the MAC address, so that it stays the same from boot to boot.
static std::string manager_uuid(const ConfiguredLink& link) {
    return text("6d616e67-726f-7665-8000-", hex(link.link.mac.bytes));
}

static std::string manager_file(const NetworkConfiguration& network, const ConfiguredLink& link,
                                const std::string& name) {
    bool is_infiniband = link.link.type == Link::Type::infiniband;
    std::string_view type = is_infiniband ? "infiniband" : "ethernet";
    return text("[connection]\nid=", name, "\nuuid=", manager_uuid(link), "\ntype=", type,
                "\nautoconnect=true\nautoconnect-priority=999\n\n[", type,
                "]\nmac-address=", hardware_address(link.link), "\nmtu=", link.link.mtu, "\n",
                is_infiniband ? "transport-mode=datagram\n" : "", "\n[ipv4]\n",
                manager_section(network, link, IpAddress::Family::v4), "\n[ipv6]\n",
                manager_section(network, link, IpAddress::Family::v6));
}

/// NetworkManager goes on with a link that it finds up only if it has noted, as an earlier run of it would
/// have, which connection it is.
static std::string manager_state_file(const ConfiguredLink& link) {
    return text("[device]\nmanaged=true\nconnection-uuid=", manager_uuid(link), "\n");
}

std::vector<NetworkFile> network_files(const NetworkConfiguration& configuration) {
    std::vector<NetworkFile> files;
    unsigned number = 0;
    for (const ConfiguredLink& link : configuration.links) {
        if (link.is_found) continue;
        std::string name = ++number == 1 ? "mangrove" : text("mangrove-", number);
        files.push_back(
            {text("/run/systemd/network/10-", name, ".network"), networkd_file(configuration, link)});
        // NetworkManager leaves a VLAN or a bond that it finds as it is.
        if (is_stacked(link.link)) continue;
        files.push_back(
            {text("/run/systemd/network/10-", name, ".link"), text(match_link(link.link), kKeepName)});
        files.push_back({text("/run/NetworkManager/system-connections/", name, ".nmconnection"),
                         manager_file(configuration, link, name), 0600});
        files.push_back({text("/run/NetworkManager/devices/", link.link.index), manager_state_file(link)});
    }
    if (files.empty()) return files;
    for (const Link& link : configuration.carriers) {
        std::string name = text("/run/systemd/network/10-mangrove-", link.name);
        // It has no address of its own.
        files.push_back({name + ".network", match_carrier(link) + "\n[Link]\nUnmanaged=yes\n"});
        if (!is_stacked(link)) files.push_back({name + ".link", text(match_carrier(link), kKeepName)});
    }
    // The root is on the network until the node is off.
    for (std::string_view service : {"networking", "ifup@"})
        files.push_back(
            {text("/run/systemd/system/", service, ".service.d/mangrove.conf"), "[Service]\nExecStop=\n"});
    return files;
}

std::string dhclient_configuration(const std::string& present) {
    for (const std::string& line : split(present, '\n'))
        if (!trim(line).starts_with("#") && line.find("dhcp-client-identifier") != std::string::npos)
            return present;
    return present + "\n# The node's root depends on the address that was leased with this identifier.\n"
           + "send dhcp-client-identifier = hardware;\n";
}

std::string resolver_file(const NetworkConfiguration& configuration) {
    std::string file;
    for (const std::string& server : to_texts(configuration.name_servers))
        file += text("nameserver ", server, "\n");
    if (!configuration.search.empty()) file += text("search ", join(configuration.search, " "), "\n");
    return file;
}

} // namespace mangrove
