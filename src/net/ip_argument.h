#pragma once

#include <optional>
#include <string>
#include <vector>

#include "net/stacked_argument.h"
#include "system/kernel_command_line.h"
#include "system/network.h"

namespace mangrove {

// `ip=`, `BOOTIF=` and `nameserver=` as dracut.cmdline(7) and PXELINUX have them.

/// One `ip=`.
struct IpArgument {
    /// `dhcp` is DHCPv4. The others with a 6 leave the address to the kernel, which makes it of what routers
    /// advertise (`auto6`), ask DHCPv6 for it (`dhcp6`), or do what the routers say (`either6`).
    enum class Method { dhcp, dhcp6, auto6, either6, fixed, off };
    std::string written; ///< "ip=eth0:dhcp", for errors
    Method method = Method::dhcp;
    std::string interface; ///< empty: the one that `BOOTIF=` names, else whichever has a cable
    std::optional<uint32_t> mtu;
    std::optional<MacAddress> mac; ///< to be set on the interface
    std::string host_name;
    std::vector<IpAddress> name_servers;
    // Of a fixed address:
    IpAddress address;
    unsigned prefix_length = 0;
    std::optional<IpAddress> peer;
    std::optional<IpAddress> gateway;
};

struct NetworkArguments {
    std::vector<IpArgument> interfaces;  ///< each interface at most once
    std::optional<MacAddress> boot_card; ///< BOOTIF=
    std::vector<IpAddress> name_servers; ///< nameserver=
    std::vector<VlanArgument> vlans;
    std::vector<BondArgument> bonds;
    uint8_t definition_option = 224; ///< mangrove.dhcp_option=
};

/// Empty, or what can be the name of an interface; `name` is that of the field, for the error.
Result<std::string> parse_interface(const std::string& field, std::string_view name);
/// The error names the argument, the field and what is wrong with it.
Result<IpArgument> parse_ip_argument(std::string_view value);
/// The option of DHCP that holds a definition, as `mangrove.dhcp_option=` says: 128 to 254.
Result<uint8_t> parse_definition_option(const KernelCommandLine& command_line);
Result<NetworkArguments> parse_network_arguments(const KernelCommandLine& command_line);

} // namespace mangrove
