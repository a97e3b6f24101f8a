#pragma once

#include <optional>
#include <string>
#include <vector>

#include "machine/kernel_command_line.h"
#include "net/stacked_argument.h"
#include "system/network.h"

namespace mangrove {

// The arguments of the network as dracut.cmdline(7), the kernel's nfsroot.rst, NetworkManager's initrd
// generator and PXELINUX have them. They were often written for another program, so whatever makes no sense
// here is put into `ignored`, a sentence each, and the rest counts.

/// An address of `ip=`, with what is written beside it.
struct FixedAddress {
    IpAddress address;
    unsigned prefix_length = 0;
    std::optional<IpAddress> peer;
    std::optional<IpAddress> gateway;
};

/// The merged `ip=` arguments of one interface.
struct IpArgument {
    /// The kernel makes an address of what routers advertise (`auto6`), DHCPv6 is asked for one (`dhcp6`), or
    /// the routers say which (`either6`).
    enum class Ipv6 { none, auto6, dhcp6, either6 };
    std::string written;   ///< "ip=eth0:dhcp", for messages
    std::string interface; ///< empty: the one that `BOOTIF=` names, else whichever has a cable
    bool dhcp = false;     ///< DHCPv4
    Ipv6 ipv6 = Ipv6::none;
    std::vector<FixedAddress> fixed;
    std::optional<IpAddress> gateway; ///< of no address: a default route
    std::optional<uint32_t> mtu;
    std::optional<MacAddress> mac; ///< to be set on the interface
    std::string host_name;
    std::vector<IpAddress> name_servers;
    std::vector<std::string> ignored;

    /// Returns whether the interface must be left alone.
    bool is_off() const { return !dhcp && ipv6 == Ipv6::none && fixed.empty(); }
};

/// ifname=NAME:MAC
struct InterfaceName {
    std::string name;
    MacAddress mac;
};

/// rd.route=NETWORK/PREFIX:GATEWAY[:INTERFACE]
struct RouteArgument {
    IpAddress destination;
    unsigned prefix_length = 0; ///< 0: the default route
    std::optional<IpAddress> gateway;
    std::string interface; ///< empty: the one that reaches the gateway
};

enum class PeerDns { use, ignore };

struct NetworkArguments {
    std::vector<IpArgument> interfaces;  ///< each interface at most once
    std::optional<MacAddress> boot_card; ///< BOOTIF=
    std::string boot_device;             ///< bootdev=
    std::vector<InterfaceName> names;    ///< ifname=
    std::vector<RouteArgument> routes;
    std::vector<IpAddress> name_servers; ///< nameserver=
    PeerDns peer_dns = PeerDns::use;     ///< rd.peerdns=
    std::vector<VlanArgument> vlans;
    std::vector<BondArgument> bonds;
    uint8_t definition_option = 224;  ///< mangrove.dhcp_option=
    std::vector<std::string> ignored; ///< of all of them
};

/// Parses an interface name, which may be empty; `name` is the field's name, for the error.
Result<std::string> parse_interface(const std::string& field, std::string_view name);
/// Parses a netmask of IPv4, or a prefix length of at least 0.
std::optional<unsigned> parse_netmask(const std::string& written, IpAddress::Family family);
IpArgument parse_ip_argument(std::string_view value);
/// Returns the DHCP option that holds a definition, as `mangrove.dhcp_option=` says: 128 to 254.
Result<uint8_t> parse_definition_option(const KernelCommandLine& command_line);
/// Parses all network arguments; fails only for a bad `mangrove.dhcp_option=`.
Result<NetworkArguments> parse_network_arguments(const KernelCommandLine& command_line);

} // namespace mangrove
