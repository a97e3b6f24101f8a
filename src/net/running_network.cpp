#include "net/running_network.h"

#include <algorithm>

#include "net/ip_argument.h"

namespace mangrove {

namespace {

Result<std::vector<InterfaceAddress>> global_addresses(Network& network, const Link& link) {
    std::vector<InterfaceAddress> addresses = TRY(network.addresses(link));
    std::erase_if(addresses, [](const InterfaceAddress& address) {
        return address.scope != InterfaceAddress::Scope::global;
    });
    return addresses;
}

/// resolv.conf(5)
void add_name_servers(System& system, NetworkConfiguration& network) {
    constexpr const char* kPath = "/etc/resolv.conf";
    if (system.path_kind(kPath) != PathKind::file) return;
    Result<std::string> written = system.read_file(kPath);
    for (const std::string& line : split(written.value_or(""), '\n')) {
        std::vector<std::string> words = split(trim(line), ' ');
        if (words[0] == "search") network.search.assign(words.begin() + 1, words.end());
        if (words[0] != "nameserver" || words.size() < 2) continue;
        if (std::optional<IpAddress> address = IpAddress::parse(words[1]))
            network.name_servers.push_back(*address);
    }
}

} // namespace

Result<NetworkConfiguration> running_network(System& system, const KernelCommandLine& command_line) {
    NetworkConfiguration network;
    for (const Link& link : TRY(system.network().links())) {
        if (link.type == Link::Type::loopback || link.state != LinkState::up) continue;
        std::vector<InterfaceAddress> addresses = TRY(global_addresses(system.network(), link));
        if (addresses.empty()) continue;
        ConfiguredLink& found = network.links.emplace_back();
        found.link = link;
        found.is_found = true;
        found.addresses = std::move(addresses);
    }
    if (network.links.empty()) return permanent_error("no network link has an address");
    std::optional<MacAddress> boot_card = TRY(parse_network_arguments(command_line)).boot_card;
    std::ranges::stable_partition(
        network.links, [&](const ConfiguredLink& link) { return boot_card && link.link.mac == *boot_card; });
    network.host_name = trim(TRY(system.read_file("/proc/sys/kernel/hostname")));
    add_name_servers(system, network);
    return network;
}

} // namespace mangrove
