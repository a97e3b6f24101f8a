#include "net/ip_argument.h"

#include <algorithm>
#include <bit>
#include <map>

#include "base/byte_order.h"
#include "net/dhcp_message.h"
#include "net/domain_names.h"

namespace mangrove {

static constexpr uint64_t kLeastMtu = 68;
static constexpr uint64_t kLargestMtu = 65535;
static constexpr size_t kLongestInterfaceName = 15;

/// The fields between colons; an IPv6 address in brackets is one field.
static std::vector<std::string> split_fields(std::string_view value) {
    std::vector<std::string> fields(1);
    bool in_brackets = false;
    for (char c : value) {
        if (c == '[') in_brackets = true;
        if (c == ']') in_brackets = false;
        if (c == ':' && !in_brackets)
            fields.emplace_back();
        else
            fields.back() += c;
    }
    return fields;
}

static Result<IpAddress> parse_address(const std::string& field, std::string_view name) {
    std::optional<IpAddress> address = IpAddress::parse(field);
    if (!address) return permanent_error(name, ": '", field, "' is no IP address");
    return *address;
}

static Result<unsigned> parse_prefix_length(const std::string& field, const IpAddress& address) {
    unsigned longest = address.family == IpAddress::Family::v4 ? 32 : 128;
    if (field.empty()) return permanent_error("netmask (field 4): is missing");
    std::optional<uint64_t> length = parse_number(field);
    if (length && *length >= 1 && *length <= longest) return static_cast<unsigned>(*length);
    std::optional<IpAddress> mask = IpAddress::parse(field);
    if (longest == 32 && mask && mask->family == IpAddress::Family::v4) {
        uint32_t bits = load_be32(mask->bytes.data());
        int ones = std::countl_one(bits);
        if (ones > 0 && std::popcount(bits) == ones) return static_cast<unsigned>(ones);
    }
    return permanent_error("netmask (field 4): '", field,
                           "' is neither a netmask nor a prefix length from 1 to ", longest);
}

/// "none", "off" and "static" are all `off` here: what makes it `fixed` is an address.
static Result<IpArgument::Method> parse_method(const std::string& field, std::string_view name) {
    using Method = IpArgument::Method;
    static const std::map<std::string, Method> methods = {
        {"dhcp", Method::dhcp},        {"on", Method::dhcp},     {"any", Method::dhcp},
        {"single-dhcp", Method::dhcp}, {"dhcp6", Method::dhcp6}, {"auto6", Method::auto6},
        {"either6", Method::either6},  {"none", Method::off},    {"off", Method::off},
        {"static", Method::off},
    };
    for (std::string_view later : {"link6", "link-local", "ibft"})
        if (field == later) return permanent_error(name, ": '", field, "' is not in this build");
    auto method = methods.find(field);
    if (method != methods.end()) return method->second;
    std::vector<std::string> known;
    for (const auto& each : methods)
        known.push_back(each.first);
    return permanent_error(name, ": '", field, "' is unknown", did_you_mean(field, known));
}

Result<std::string> parse_interface(const std::string& field, std::string_view name) {
    bool has_odd_character =
        std::ranges::any_of(field, [](char c) { return c <= ' ' || c == '/' || c == 127; });
    if (field.size() > kLongestInterfaceName || has_odd_character || field == "." || field == "..")
        return permanent_error(name, ": '", field, "' cannot be the name of an interface");
    return field;
}

/// `[:[mtu][:mac]]`: the fields from `first` on. A MAC address with colons is six of them.
static Result<> parse_mtu_and_mac(const std::vector<std::string>& fields, size_t first,
                                  IpArgument& argument) {
    if (fields.size() > first && !fields[first].empty()) {
        std::optional<uint64_t> mtu = parse_number(fields[first]);
        if (!mtu || *mtu < kLeastMtu || *mtu > kLargestMtu)
            return permanent_error("MTU (field ", first + 1, "): '", fields[first], "' is no number from ",
                                   kLeastMtu, " to ", kLargestMtu);
        argument.mtu = static_cast<uint32_t>(*mtu);
    }
    if (fields.size() <= first + 1) return {};
    std::string written = join({fields.begin() + static_cast<ptrdiff_t>(first) + 1, fields.end()}, ":");
    if (written.empty()) return {};
    argument.mac = MacAddress::parse(written);
    if (!argument.mac)
        return permanent_error("MAC address (field ", first + 2, "): '", written, "' is no MAC address");
    return {};
}

/// The fields behind the method: name servers if the first is an address or left out before one.
static Result<> parse_tail(const std::vector<std::string>& fields, size_t first, IpArgument& argument) {
    bool has_first = fields.size() > first && IpAddress::parse(fields[first]);
    bool has_second = fields.size() == first + 2 && IpAddress::parse(fields[first + 1]);
    if (!has_first && !(has_second && fields[first].empty()))
        return parse_mtu_and_mac(fields, first, argument);
    if (fields.size() > first + 2)
        return permanent_error("field ", first + 3, ": there are two name servers at most");
    for (size_t i = first; i < fields.size(); ++i)
        if (!fields[i].empty())
            argument.name_servers.push_back(
                TRY(parse_address(fields[i], text("name server (field ", i + 1, ")"))));
    return {};
}

static Result<> parse_fixed(const std::vector<std::string>& fields, IpArgument& argument) {
    argument.address = TRY(parse_address(fields[0], "client address (field 1)"));
    argument.prefix_length = TRY(parse_prefix_length(fields[3], argument.address));
    auto need_same_family = [&](const IpAddress& other, std::string_view name) -> Result<> {
        if (other.family == argument.address.family) return {};
        return permanent_error(name, ": ", other.to_text(), " and ", argument.address.to_text(),
                               " are of different IP versions");
    };
    if (!fields[1].empty()) {
        argument.peer = TRY(parse_address(fields[1].substr(0, fields[1].find('/')), "peer (field 2)"));
        TRY(need_same_family(*argument.peer, "peer (field 2)"));
    }
    if (fields[2].empty()) return {};
    argument.gateway = TRY(parse_address(fields[2], "gateway (field 3)"));
    return need_same_family(*argument.gateway, "gateway (field 3)");
}

static Result<> parse_long_form(std::vector<std::string> fields, IpArgument& argument) {
    // PXELINUX's form of four fields has the boot server in the place of the peer.
    if (fields.size() <= 4) fields[1].clear();
    bool has_method = fields.size() > 6 && !fields[6].empty();
    fields.resize(std::max<size_t>(fields.size(), 7));
    argument.method = IpArgument::Method::dhcp;
    if (has_method) argument.method = TRY(parse_method(fields[6], "method (field 7)"));
    bool may_be_fixed = !has_method || argument.method == IpArgument::Method::off;
    if (may_be_fixed && !fields[0].empty()) {
        argument.method = IpArgument::Method::fixed;
        TRY(parse_fixed(fields, argument));
    }
    if (!fields[4].empty() && !is_domain_name(fields[4]))
        return permanent_error("host name (field 5): '", fields[4], "' is no host name");
    argument.host_name = fields[4];
    argument.interface = TRY(parse_interface(fields[5], "interface (field 6)"));
    return parse_tail(fields, 7, argument);
}

static Result<> parse_into(std::string_view value, IpArgument& argument) {
    std::vector<std::string> fields = split_fields(value);
    if (fields.size() == 1) {
        argument.method = TRY(parse_method(fields[0], "method (field 1)"));
        return {};
    }
    bool begins_with_interface = !fields[0].empty() && !IpAddress::parse(fields[0]);
    bool continues_with_method =
        !fields[1].empty() && !IpAddress::parse(fields[1].substr(0, fields[1].find('/')));
    if (begins_with_interface && (continues_with_method || fields.size() < 4)) {
        argument.interface = TRY(parse_interface(fields[0], "interface (field 1)"));
        argument.method = TRY(parse_method(fields[1], "method (field 2)"));
        return parse_mtu_and_mac(fields, 2, argument);
    }
    return parse_long_form(std::move(fields), argument);
}

Result<IpArgument> parse_ip_argument(std::string_view value) {
    IpArgument argument;
    argument.written = text("ip=", value);
    TRY(parse_into(value, argument), "reading the kernel argument ", argument.written);
    return argument;
}

/// PXELINUX puts the type of the hardware (01, Ethernet) in front.
static Result<MacAddress> parse_boot_card(std::string_view value) {
    std::string_view digits = value;
    if (value.size() == 20 && (value.starts_with("01-") || value.starts_with("01:"))) digits.remove_prefix(3);
    std::optional<MacAddress> mac = MacAddress::parse(digits);
    if (!mac)
        return permanent_error("BOOTIF=", value,
                               ": no MAC address in the form 01-52-54-00-12-34-56 (01 is Ethernet)");
    return *mac;
}

Result<uint8_t> parse_definition_option(const KernelCommandLine& command_line) {
    std::optional<std::string> value = command_line.value("mangrove.dhcp_option");
    if (!value) return dhcp_option::kDefinition;
    std::optional<uint64_t> number = parse_number(*value);
    if (!number || *number < 128 || *number > 254)
        return permanent_error("mangrove.dhcp_option=", *value, ": not a number from 128 to 254");
    return static_cast<uint8_t>(*number);
}

Result<NetworkArguments> parse_network_arguments(const KernelCommandLine& command_line) {
    NetworkArguments arguments;
    for (const std::string& value : command_line.values("ip")) {
        IpArgument argument = TRY(parse_ip_argument(value));
        for (const IpArgument& earlier : arguments.interfaces)
            if (earlier.interface == argument.interface)
                return permanent_error(
                    "kernel arguments ", earlier.written, " and ", argument.written, ": both are for ",
                    argument.interface.empty() ? "no interface in particular" : argument.interface.c_str());
        arguments.interfaces.push_back(std::move(argument));
    }
    if (std::optional<std::string> value = command_line.value("BOOTIF"))
        arguments.boot_card = TRY(parse_boot_card(*value), "reading the kernel command line");
    for (const std::string& value : command_line.values("nameserver"))
        arguments.name_servers.push_back(TRY(parse_address(value, "kernel argument nameserver=")));
    for (const std::string& value : command_line.values("vlan")) {
        VlanArgument vlan = TRY(parse_vlan_argument(value));
        for (const IpArgument& each : arguments.interfaces)
            if (each.interface == vlan.name || (each.interface.empty() && !vlan.mtu)) vlan.mtu = each.mtu;
        arguments.vlans.push_back(std::move(vlan));
    }
    for (const std::string& value : command_line.values("bond"))
        arguments.bonds.push_back(TRY(parse_bond_argument(value)));
    arguments.definition_option = TRY(parse_definition_option(command_line));
    return arguments;
}

} // namespace mangrove
