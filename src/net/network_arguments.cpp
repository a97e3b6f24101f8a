#include <algorithm>

#include "net/dhcp_message.h"
#include "net/ip_argument.h"

namespace mangrove {

static constexpr size_t kGuidSize = 8;

/// A hardware address as boot loaders and dracut write it, with the type in front (01 is Ethernet, 20 is
/// InfiniBand) or without. InfiniBand's ends in the port's GUID, which stands for the card (Link::mac).
static std::optional<MacAddress> parse_hardware_address(std::string_view written) {
    std::vector<std::string> parts = split(written, written.find('-') == std::string_view::npos ? ':' : '-');
    bool has_type = (parts.size() == 7 && parts[0] == "01") || (parts.size() == 9 && parts[0] == "20");
    if (has_type) parts.erase(parts.begin());
    Bytes bytes;
    for (const std::string& part : parts) {
        std::optional<uint64_t> byte = parse_number(part, 16);
        if (part.size() != 2 || !byte) return std::nullopt;
        bytes.push_back(static_cast<uint8_t>(*byte));
    }
    if (bytes.size() == 6) return MacAddress{{bytes[0], bytes[1], bytes[2], bytes[3], bytes[4], bytes[5]}};
    if (bytes.size() == kGuidSize || bytes.size() == kInfinibandAddressSize)
        return mac_of_guid(ByteView(bytes).last(kGuidSize));
    return std::nullopt;
}

Result<uint8_t> parse_definition_option(const KernelCommandLine& command_line) {
    std::optional<std::string> value = command_line.value("mangrove.dhcp_option");
    if (!value) return dhcp_option::kDefinition;
    std::optional<uint64_t> number = parse_number(*value);
    if (!number || *number < 128 || *number > 254)
        return permanent_error("mangrove.dhcp_option=", *value, ": not a number from 128 to 254");
    return static_cast<uint8_t>(*number);
}

namespace {

class ArgumentReader {
  public:
    explicit ArgumentReader(const KernelCommandLine& command_line) : command_line_(command_line) {}
    NetworkArguments read();

  private:
    template <typename... Parts>
    void ignore(const Parts&... parts) {
        arguments_.ignored.push_back(text(parts...));
    }
    void read_interface(std::string_view value);
    void read_boot_card();
    void read_name(const std::string& value);
    void read_route(const std::string& value);
    void read_vlan(const std::string& value);
    void read_bond(const std::string& value);
    /// Reads the arguments that are known and do nothing here.
    void read_rest();

    const KernelCommandLine& command_line_;
    NetworkArguments arguments_;
};

} // namespace

/// Several `ip=` of one interface add up.
static void merge(IpArgument& into, IpArgument more) {
    into.written += " " + more.written;
    into.dhcp = into.dhcp || more.dhcp;
    if (more.ipv6 != IpArgument::Ipv6::none) into.ipv6 = more.ipv6;
    for (FixedAddress& fixed : more.fixed)
        if (std::ranges::find(into.fixed, fixed.address, &FixedAddress::address) == into.fixed.end())
            into.fixed.push_back(fixed);
    if (more.mtu) into.mtu = more.mtu;
    if (more.mac) into.mac = more.mac;
    if (!more.host_name.empty()) into.host_name = more.host_name;
    into.name_servers.insert(into.name_servers.end(), more.name_servers.begin(), more.name_servers.end());
}

void ArgumentReader::read_interface(std::string_view value) {
    IpArgument argument = parse_ip_argument(value);
    for (std::string& problem : argument.ignored)
        ignore(problem);
    if (argument.gateway) {
        RouteArgument route;
        route.destination.family = argument.gateway->family;
        route.gateway = argument.gateway;
        arguments_.routes.push_back(route);
        if (argument.is_off()) return;
    }
    auto same = std::ranges::find(arguments_.interfaces, argument.interface, &IpArgument::interface);
    if (same == arguments_.interfaces.end())
        arguments_.interfaces.push_back(std::move(argument));
    else
        merge(*same, std::move(argument));
}

void ArgumentReader::read_boot_card() {
    std::optional<std::string> value = command_line_.value("BOOTIF");
    if (!value || command_line_.value("rd.bootif") == "0") return;
    arguments_.boot_card = parse_hardware_address(*value);
    if (!arguments_.boot_card)
        ignore("BOOTIF=", *value, ": expected a hardware address like 01-52-54-00-12-34-56");
}

void ArgumentReader::read_name(const std::string& value) {
    size_t colon = value.find(':');
    Result<std::string> name = parse_interface(value.substr(0, colon), "");
    std::optional<MacAddress> mac;
    if (colon != std::string::npos) mac = parse_hardware_address(value.substr(colon + 1));
    if (name && !name->empty() && mac)
        arguments_.names.push_back({*name, *mac});
    else
        ignore("ifname=", value, ": expected ifname=NAME:MAC");
}

/// An IPv6 address is in brackets, with its prefix length inside or behind them.
static std::optional<RouteArgument> parse_route(const std::string& value) {
    std::vector<std::string> fields(1);
    bool in_brackets = false;
    for (char c : value) {
        if (c == '[' || c == ']')
            in_brackets = c == '[';
        else if (c == ':' && !in_brackets)
            fields.emplace_back();
        else
            fields.back() += c;
    }
    fields.resize(std::max<size_t>(fields.size(), 3));
    RouteArgument route;
    size_t slash = fields[0].find('/');
    std::optional<IpAddress> network = IpAddress::parse(fields[0].substr(0, slash));
    if (!network || fields.size() > 3 || !parse_interface(fields[2], "")) return std::nullopt;
    unsigned longest = network->family == IpAddress::Family::v4 ? 32 : 128;
    std::optional<unsigned> length =
        slash == std::string::npos ? longest : parse_netmask(fields[0].substr(slash + 1), network->family);
    route.gateway = IpAddress::parse(fields[1]);
    bool is_odd = !length || (!route.gateway && !fields[1].empty())
                  || (route.gateway && route.gateway->family != network->family);
    if (is_odd) return std::nullopt;
    if (route.gateway && route.gateway->is_unspecified()) route.gateway.reset();
    if (!route.gateway && fields[2].empty()) return std::nullopt;
    route.destination = network_of(*network, *length);
    route.prefix_length = *length;
    route.interface = fields[2];
    return route;
}

void ArgumentReader::read_route(const std::string& value) {
    if (std::optional<RouteArgument> route = parse_route(value))
        arguments_.routes.push_back(*route);
    else
        ignore("rd.route=", value, ": expected rd.route=NETWORK/PREFIX:GATEWAY[:INTERFACE]");
}

void ArgumentReader::read_vlan(const std::string& value) {
    Result<VlanArgument> vlan = parse_vlan_argument(value);
    if (!vlan) return ignore(vlan.error().what);
    for (const IpArgument& each : arguments_.interfaces)
        if (each.interface == vlan->name || (each.interface.empty() && !vlan->mtu)) vlan->mtu = each.mtu;
    arguments_.vlans.push_back(*std::move(vlan));
}

void ArgumentReader::read_bond(const std::string& value) {
    if (Result<BondArgument> bond = parse_bond_argument(value))
        arguments_.bonds.push_back(*std::move(bond));
    else
        ignore("bond=", value, ": ", bond.error().what);
}

void ArgumentReader::read_rest() {
    constexpr std::string_view kUnused[] = {"rd.neednet", "rd.znet", "rd.znet_ifname", "rd.ethtool",
                                            "ip6",        "netdev",  "ksdevice"};
    std::vector<std::string> unused;
    for (const KernelArgument& each : command_line_.arguments()) {
        std::string written = each.has_value ? text(each.name, "=", each.value) : each.name;
        bool is_unused = std::ranges::find(kUnused, each.name) != std::end(kUnused);
        if (is_unused || each.name.starts_with("rd.net.")) unused.push_back(written);
        if (each.name != "bridge" && each.name != "team") continue;
        ignore(written,
               ": bridges and teams are not in this build; its `ip=` is used for the interface below");
        std::vector<std::string> fields = split(each.value, ':');
        if (fields.size() < 2 || fields[0].empty()) continue;
        // One of several ports is not known to be the one with the network; a name that no interface can have
        // is none.
        bool is_one_port = fields[1].find(',') == std::string::npos && parse_interface(fields[1], "");
        for (IpArgument& argument : arguments_.interfaces)
            if (argument.interface == fields[0]) argument.interface = is_one_port ? fields[1] : std::string();
    }
    if (!unused.empty()) ignore(join(unused, ", "), ": not used here");
}

NetworkArguments ArgumentReader::read() {
    for (const KernelArgument& each : command_line_.arguments())
        if (each.has_value && (each.name == "ip" || each.name == "nfsaddrs")) read_interface(each.value);
    read_boot_card();
    arguments_.boot_device = command_line_.value("bootdev").value_or("");
    if (std::optional<std::string> value = command_line_.value("rd.peerdns"); value == "0" || value == "no")
        arguments_.peer_dns = PeerDns::ignore;
    for (const std::string& value : command_line_.values("ifname"))
        read_name(value);
    for (const std::string& value : command_line_.values("rd.route"))
        read_route(value);
    for (const std::string& value : command_line_.values("nameserver")) {
        std::optional<IpAddress> server = IpAddress::parse(value);
        if (!server)
            ignore("nameserver=", value, ": not an IP address");
        else if (!server->is_unspecified())
            arguments_.name_servers.push_back(*server);
    }
    for (const std::string& value : command_line_.values("vlan"))
        read_vlan(value);
    for (const std::string& value : command_line_.values("bond"))
        read_bond(value);
    read_rest();
    return std::move(arguments_);
}

Result<NetworkArguments> parse_network_arguments(const KernelCommandLine& command_line) {
    NetworkArguments arguments = ArgumentReader(command_line).read();
    arguments.definition_option = TRY(parse_definition_option(command_line));
    return arguments;
}

} // namespace mangrove
