#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/result.h"

namespace mangrove {

// `vlan=` and `bond=` as dracut.cmdline(7) has them.

/// vlan=NAME:PARENT. The name ends in the number: vlan0005, vlan5, eth0.0005 or eth0.5.
struct VlanArgument {
    std::string name;
    std::string parent;
    uint16_t id = 0;
    std::optional<uint32_t> mtu = {}; ///< that an `ip=` wants on it
};

/// bond=NAME[:PORT,PORT[:OPTION=VALUE,…[:MTU]]]; without anything behind the name
/// bond=bond0:eth0,eth1:mode=balance-rr.
struct BondArgument {
    struct Option {
        std::string name; ///< as bonding.rst of the kernel has it: "mode", "miimon", …
        std::string value;
    };
    std::string name;
    std::vector<std::string> ports;
    std::vector<Option> options; ///< in an order that the kernel takes
    std::optional<uint32_t> mtu;
};

/// Parses `vlan=` and `bond=`. The error names the argument and its problem.
Result<VlanArgument> parse_vlan_argument(std::string_view value);
Result<BondArgument> parse_bond_argument(std::string_view value);

} // namespace mangrove
