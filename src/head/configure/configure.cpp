#include "head/configure/configure.h"

#include <arpa/inet.h>
#include <map>

#include "base/whole_file.h"
#include "head/host/address.h"
#include "head/host/json.h"
#include "head/nodes/node_set.h"

namespace mangrove::head {

namespace {

constexpr std::string_view kMark = "Written by mangrovectl configure";

/// Letters, digits, '.', '_', '-' alone, and nothing that is an address.
Result<> check_host_name(const std::string& name) {
    TRY(check_name("node", name));
    if (is_ip_address(name) || name.find_first_not_of("0123456789.") == std::string::npos)
        return permanent_error("node ", name, ": the name is a number or an address; rename it");
    return {};
}

/// A line of dnsmasq is a list of words, each of which it knows by its form.
Result<> check_dnsmasq_name(const std::string& name) {
    TRY(check_host_name(name));
    std::string number = name.substr(0, name.size() - 1);
    bool is_lease =
        name == "infinite" || (std::string_view("smhdwSMHDW").contains(name.back()) && parse_number(number));
    if (is_lease || name == "ignore" || name == "deprecated")
        return permanent_error("node ", name,
                               ": dnsmasq takes the name for a lease time or a keyword; "
                               "rename it");
    return {};
}

Result<> check_port(const Port& port) {
    for (const std::string& mac : port.macs)
        TRY(normalize_mac(mac), port.host);
    in_addr four = {};
    if (!port.address.empty() && ::inet_pton(AF_INET, port.address.c_str(), &four) != 1)
        return permanent_error(port.host, ": '", port.address, "' is no IPv4 address");
    in6_addr six = {};
    if (!port.address6.empty() && ::inet_pton(AF_INET6, port.address6.c_str(), &six) != 1)
        return permanent_error(port.host, ": '", port.address6, "' is no IPv6 address");
    return {};
}

/// As `hostname -s` prints it.
Result<std::string> genders_name(const std::string& node) {
    TRY(check_name("node", node));
    return node.substr(0, node.find('.'));
}

/// All groups with their nodes.
std::map<std::string, std::vector<std::string>> groups_in(const std::vector<Machine>& machines) {
    std::map<std::string, std::vector<std::string>> groups;
    for (const Machine& machine : machines)
        for (const std::string& group : machine.groups)
            groups[group].push_back(machine.name);
    return groups;
}

} // namespace

const std::vector<ConfigurationFormat>& configuration_formats() {
    static const std::vector<ConfigurationFormat> kFormats = {
        {"dnsmasq", "Writes a file for dnsmasq's dhcp-hostsfile=", write_dnsmasq},
        {"kea", "Writes the list of reservations of a Kea Dhcp4", write_kea},
        {"hosts", "Writes names and addresses as /etc/hosts has them", write_hosts},
        {"genders", "Writes nodes and groups as genders has them", write_genders},
        {"clustershell", "Writes groups for ClusterShell's groups.d", write_clustershell},
        {"slurm", "Writes nodes and partitions for an Include of slurm.conf", write_slurm}};
    return kFormats;
}

std::string configuration_header(std::string_view comment, std::string_view format) {
    return text(comment, " ", kMark, " ", format, "; changes here are lost.\n");
}

Result<std::string> write_dnsmasq(const std::vector<Machine>& machines) {
    std::string lines = configuration_header("#", "dnsmasq");
    for (const Machine& machine : machines) {
        std::string tags;
        for (const std::string& group : machine.groups) {
            TRY(check_name("group", group));
            tags += ",set:" + group;
        }
        for (const Port& port : machine.ports) {
            if (port.macs.empty()) continue;
            TRY(check_dnsmasq_name(port.host));
            TRY(check_port(port));
            lines += join(port.macs, ",") + tags;
            if (!port.address.empty()) lines += "," + port.address;
            if (!port.address6.empty()) lines += ",[" + port.address6 + "]";
            lines += "," + port.host + "\n";
        }
    }
    return lines;
}

Result<std::string> write_kea(const std::vector<Machine>& machines) {
    Json reservations(cJSON_CreateArray());
    for (const Machine& machine : machines)
        for (const Port& port : machine.ports) {
            TRY(check_host_name(port.host));
            TRY(check_port(port));
            for (const std::string& mac : port.macs) {
                cJSON* reservation = cJSON_CreateObject();
                cJSON_AddItemToArray(reservations.get(), reservation);
                add_text(reservation, "hw-address", mac);
                add_text(reservation, "hostname", port.host);
                // Kea gives an address to one card alone.
                if (!port.address.empty() && mac == port.macs[0])
                    add_text(reservation, "ip-address", port.address);
            }
        }
    return configuration_header("//", "kea") + indented_json(reservations.get());
}

Result<std::string> write_hosts(const std::vector<Machine>& machines) {
    std::string lines = configuration_header("#", "hosts");
    for (const Machine& machine : machines)
        for (const Port& port : machine.ports) {
            TRY(check_host_name(port.host));
            TRY(check_port(port));
            for (const std::string& address : {port.address, port.address6})
                if (!address.empty()) lines += address + "\t" + port.host + "\n";
        }
    return lines;
}

Result<std::string> write_genders(const std::vector<Machine>& machines) {
    std::string lines = configuration_header("#", "genders");
    std::map<std::string, std::string> owners;
    for (const Machine& machine : machines) {
        std::string name = TRY(genders_name(machine.name));
        auto [owner, is_new] = owners.try_emplace(name, machine.name);
        if (!is_new)
            return permanent_error("node ", owner->second, " and node ", machine.name,
                                   ": genders takes short names alone, and both are ", name, "; rename one");
        for (const std::string& group : machine.groups)
            TRY(check_name("group", group));
        lines += name + (machine.groups.empty() ? "" : "\t") + join(machine.groups, ",") + "\n";
    }
    return lines;
}

Result<std::string> write_clustershell(const std::vector<Machine>& machines) {
    std::vector<std::string> names;
    for (const Machine& machine : machines) {
        TRY(check_name("node", machine.name));
        names.push_back(machine.name);
    }
    std::string lines = configuration_header("#", "clustershell") + "mangrove:\n";
    lines += text("  'all': '", fold_nodes(names), "'\n");
    for (const auto& [group, nodes] : groups_in(machines)) {
        TRY(check_name("group", group));
        lines += text("  '", group, "': '", fold_nodes(nodes), "'\n");
    }
    return lines;
}

Result<bool> replace_configuration(const std::filesystem::path& path, const std::string& contents,
                                   Foreign foreign) {
    Result<std::string> existing = read_file(path);
    if (!existing && existing.error().code != ENOENT) return std::unexpected(existing.error());
    if (existing == contents) return false;
    bool is_ours =
        !existing || existing->empty() || existing->substr(0, existing->find('\n')).contains(kMark);
    if (!is_ours && foreign == Foreign::is_refused)
        return permanent_error(path.native(), ": not written by mangrovectl configure; --force replaces it");
    TRY(write_file(path, contents));
    return true;
}

} // namespace mangrove::head
