#include "net/stacked_argument.h"

#include <algorithm>

#include "net/ip_argument.h"

namespace mangrove {

static Result<std::string> need_interface(const std::string& field, const std::string& written) {
    if (field.empty()) return permanent_error(written, ": the name of an interface is missing");
    return parse_interface(field, written);
}

Result<VlanArgument> parse_vlan_argument(std::string_view value) {
    std::string written = text("vlan=", value);
    std::vector<std::string> fields = split(value, ':');
    if (fields.size() != 2) return permanent_error(written, ": expected vlan=NAME:INTERFACE");
    VlanArgument vlan;
    vlan.name = TRY(need_interface(fields[0], written));
    vlan.parent = TRY(need_interface(fields[1], written));
    size_t digits = vlan.name.find_last_not_of("0123456789") + 1;
    std::optional<uint64_t> id = parse_number(vlan.name.substr(digits));
    if (!id || *id < 1 || *id > 4094)
        return permanent_error(written, ": the name does not end in a number from 1 to 4094");
    vlan.id = static_cast<uint16_t>(*id);
    return vlan;
}

/// The kernel takes most options only once the mode is known, the delays only with a miimon, and the others
/// of ARP only with an arp_interval.
static int rank(const BondArgument::Option& option) {
    return option.name == "mode" ? 0 : option.name == "miimon" || option.name == "arp_interval" ? 1 : 2;
}

/// The kernel takes the addresses of arp_ip_target, between semicolons, one by one, each to be added.
static Result<std::vector<BondArgument::Option>> parse_bond_options(std::string_view written) {
    std::vector<BondArgument::Option> options;
    for (const std::string& word : split(written, ',')) {
        size_t equals = word.find('=');
        if (word.empty()) continue;
        if (equals == std::string::npos || equals == 0 || word.find('/') < equals)
            return permanent_error("'", word, "': expected OPTION=VALUE");
        std::string name = word.substr(0, equals);
        std::string value = word.substr(equals + 1);
        if (name != "arp_ip_target") {
            options.push_back({name, value});
            continue;
        }
        for (const std::string& address : split(value, ';'))
            options.push_back({name, address.starts_with("+") ? address : "+" + address});
    }
    std::ranges::stable_sort(options, {}, rank);
    return options;
}

Result<BondArgument> parse_bond_argument(std::string_view value) {
    std::string written = text("bond=", value);
    std::vector<std::string> fields = split(value, ':');
    if (fields.size() > 4) return permanent_error(written, ": more than four fields");
    bool is_bare = fields.size() == 1;
    fields.resize(4);
    BondArgument bond;
    bond.name = TRY(need_interface(fields[0].empty() && is_bare ? "bond0" : fields[0], written));
    for (const std::string& port : split(is_bare ? "eth0,eth1" : fields[1], ','))
        bond.ports.push_back(TRY(need_interface(port, written)));
    bond.options = TRY(parse_bond_options(fields[2]), "reading ", written);
    if (bond.options.empty()) bond.options.push_back({"mode", "balance-rr"});
    if (fields[3].empty()) return bond;
    std::optional<uint64_t> mtu = parse_number(fields[3]);
    if (!mtu || *mtu < 68 || *mtu > 65535)
        return permanent_error(written, ": the MTU '", fields[3], "' is not a number from 68 to 65535");
    bond.mtu = static_cast<uint32_t>(*mtu);
    return bond;
}

} // namespace mangrove
