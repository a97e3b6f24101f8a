#include "net/resolver.h"

#include <algorithm>

#include "net/domain_names.h"
#include "net/lease_files.h"

namespace mangrove {

static void append_new(std::vector<IpAddress>& list, const std::vector<IpAddress>& more) {
    for (const IpAddress& address : more)
        if (std::ranges::find(list, address) == list.end()) list.push_back(address);
}

void add_names_of_link(NetworkConfiguration& network, const ConfiguredLink& link,
                       const IpArgument& argument) {
    append_new(network.name_servers, argument.name_servers);
    if (network.host_name.empty()) network.host_name = argument.host_name;
    if (link.lease && network.host_name.empty()) network.host_name = link.lease->host_name;
    if (network.peer_dns == PeerDns::ignore) return;
    if (link.dhcp6) {
        append_new(network.name_servers, link.dhcp6->name_servers);
        if (network.search.empty()) network.search = link.dhcp6->search;
    }
    // DHCP goes before routers (RFC 8106, 5.3.1).
    append_new(network.name_servers, link.advice.name_servers);
    if (network.search.empty()) network.search = link.advice.search;
    if (!link.lease) return;
    append_new(network.name_servers, link.lease->name_servers);
    if (network.search.empty()) network.search = link.lease->search;
    if (network.search.empty() && !link.lease->domain.empty()) network.search = {link.lease->domain};
}

void add_names_of_others(System& system, NetworkConfiguration& network) {
    bool is_anybody_elses = std::ranges::any_of(network.links, &ConfiguredLink::is_found);
    for (const char* path : {"/proc/net/pnp", "/etc/resolv.conf"}) {
        if (!is_anybody_elses || !network.name_servers.empty()) return;
        Result<std::string> file = system.read_file(path);
        if (!file) continue;
        for (const std::string& line : split(*file, '\n')) {
            std::vector<std::string> words = split(std::string(trim(line)), ' ');
            if (words.size() < 2) continue;
            std::optional<IpAddress> address = IpAddress::parse(words[1]);
            bool is_server = words[0] == "nameserver" && address && !address->is_unspecified();
            if (is_server) append_new(network.name_servers, {*address});
            bool is_domain = words[0] == "domain" || words[0] == "search";
            if (is_domain && network.search.empty() && is_domain_name(words[1])) network.search = {words[1]};
        }
    }
}

Result<> write_resolver(System& system, const NetworkConfiguration& network) {
    if (network.name_servers.empty()) return {};
    TRY(system.make_directory("/etc"));
    TRY(system.write_file("/etc/resolv.conf", resolver_file(network)), "writing /etc/resolv.conf");
    return {};
}

} // namespace mangrove
