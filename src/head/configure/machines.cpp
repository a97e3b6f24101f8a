#include "head/configure/machines.h"

#include <algorithm>
#include <arpa/inet.h>
#include <map>

#include "head/host/json.h"

namespace mangrove::head {

namespace {

using Words = std::vector<std::string>;

constexpr size_t kEthernetMac = 17; ///< characters of "52:54:00:12:34:56"

std::string without_prefix(const std::string& address) {
    return address.substr(0, address.find('/'));
}

bool is_ipv4(const std::string& address) {
    in_addr parsed = {};
    return ::inet_pton(AF_INET, address.c_str(), &parsed) == 1;
}

const cJSON* primary_of(const cJSON* interfaces) {
    const cJSON* first = nullptr;
    const cJSON* item = nullptr;
    cJSON_ArrayForEach(item, interfaces) {
        if (cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(item, "primary"))) return item;
        if (!first || std::string_view(item->string) < first->string) first = item;
    }
    return first;
}

/// "eth0.100" as a part of a host's name.
std::string label_of(std::string interface) {
    auto is_other = [](unsigned char letter) { return std::isalnum(letter) == 0; };
    std::ranges::replace_if(interface, is_other, '-');
    while (interface.ends_with('-'))
        interface.pop_back();
    return interface;
}

class Builder {
  public:
    Result<Machine> build(const Object& node, const ResolvedNode& resolved) {
        Machine machine{.name = node.name, .groups = texts_at(resolved.fields.get(), "groups")};
        const cJSON* values = cJSON_GetObjectItemCaseSensitive(resolved.fields.get(), "values");
        if (const cJSON* slurm = cJSON_GetObjectItemCaseSensitive(values, "slurm"))
            machine.slurm = one_line(slurm);
        const cJSON* interfaces = cJSON_GetObjectItemCaseSensitive(resolved.fields.get(), "interfaces");
        const cJSON* primary = primary_of(interfaces);
        machine.ports.push_back(port_of(node, node.name, primary));
        const cJSON* item = nullptr;
        cJSON_ArrayForEach(item, interfaces) {
            if (item != primary)
                machine.ports.push_back(port_of(node, node.name + "-" + label_of(item->string), item));
        }
        add_other_macs(machine, resolved);
        std::erase_if(machine.ports, [](const Port& port) {
            return port.macs.empty() && port.address.empty() && port.address6.empty();
        });
        for (const Port& port : machine.ports)
            TRY(check_unique(node, port));
        return machine;
    }

    Words warnings;

  private:
    Port port_of(const Object& node, const std::string& host, const cJSON* interface) {
        Port port{.host = host};
        for (const char* key : {"address", "address6"}) {
            std::string address = without_prefix(text_at(interface, key));
            if (!address.empty()) (is_ipv4(address) ? port.address : port.address6) = address;
        }
        std::string mac = text_at(interface, "mac");
        if (mac.size() == kEthernetMac)
            port.macs.push_back(mac);
        else if (!mac.empty())
            warnings.push_back(text(node.title(), ": interfaces.", interface->string, ".mac: ", mac,
                                    " is not of Ethernet; left out"));
        return port;
    }

    /// The node's own MAC addresses are of its primary interface, unless this has one.
    void add_other_macs(Machine& machine, const ResolvedNode& resolved) {
        Words others = texts_at(resolved.fields.get(), "macs");
        std::erase_if(others, [&](const std::string& mac) {
            return mac.size() != kEthernetMac || std::ranges::any_of(machine.ports, [&](const Port& port) {
                       return std::ranges::find(port.macs, mac) != port.macs.end();
                   });
        });
        if (others.empty()) return;
        if (machine.ports[0].macs.empty())
            machine.ports[0].macs = others;
        else
            machine.ports.push_back({.host = machine.name, .macs = others});
    }

    Result<> check_unique(const Object& node, const Port& port) {
        for (const std::string& address : {port.address, port.address6}) {
            if (address.empty()) continue;
            auto [other, is_new] = addresses_.try_emplace(address, node.name);
            if (!is_new)
                return permanent_error("node ", other->second, " and node ", node.name,
                                       ": both have the address ", address, "; change one");
        }
        auto [owner, is_new] = hosts_.try_emplace(lower_case(port.host), node.name);
        if (!is_new && owner->second != node.name)
            return permanent_error("node ", owner->second, " and node ", node.name,
                                   ": an interface of one has the name of the other, ", port.host,
                                   "; rename one");
        return {};
    }

    std::map<std::string, std::string> addresses_; ///< and the node that has it
    std::map<std::string, std::string> hosts_;
};

} // namespace

Result<Machines> machines_of(const Inventory& inventory) {
    Machines machines;
    Builder builder;
    for (const std::string& name : inventory.names("node")) {
        const Object& node = *inventory.find("node", name);
        machines.all.push_back(TRY(builder.build(node, inventory.resolve(node))));
    }
    machines.warnings = std::move(builder.warnings);
    return machines;
}

} // namespace mangrove::head
