#include "net/stacked_links.h"

#include <algorithm>

#include "base/log.h"

namespace mangrove {

static bool has_port(const BondArgument& bond, const std::string& name) {
    return std::ranges::find(bond.ports, name) != bond.ports.end();
}

bool StackedLinks::carries_another(const std::string& name) const {
    return std::ranges::any_of(vlans_, [&](const VlanArgument& vlan) { return vlan.parent == name; })
           || std::ranges::any_of(bonds_, [&](const BondArgument& bond) { return has_port(bond, name); });
}

bool StackedLinks::stands_on(const std::string& name, const MacAddress& card) const {
    auto is_below = [&](const Link& link) {
        return std::ranges::any_of(
                   vlans_,
                   [&](const VlanArgument& vlan) { return vlan.name == name && vlan.parent == link.name; })
               || std::ranges::any_of(bonds_, [&](const BondArgument& bond) {
                      return bond.name == name && has_port(bond, link.name);
                  });
    };
    return std::ranges::any_of(carriers_, [&](const Link& link) {
        return is_below(link) && (link.mac == card || stands_on(link.name, card));
    });
}

Result<bool> StackedLinks::make(const std::vector<Link>& links) {
    bool has_changed = false;
    for (const BondArgument& bond : bonds_)
        has_changed = TRY(fill_bond(bond, links)) || has_changed;
    for (const VlanArgument& vlan : vlans_) {
        auto parent = std::ranges::find(links, vlan.parent, &Link::name);
        bool is_there = std::ranges::find(links, vlan.name, &Link::name) != links.end();
        if (is_there || parent == links.end() || is_made_here(vlan.name)) continue;
        TRY(make_vlan(vlan, *parent), "making the VLAN ", vlan.name);
        has_changed = true;
    }
    return has_changed;
}

Result<> StackedLinks::make_vlan(const VlanArgument& vlan, const Link& parent) {
    TRY(system_.load_module("8021q"));
    TRY(raise_mtu(parent));
    Network& network = system_.network();
    if (parent.state == LinkState::down) {
        TRY(network.set_link_state(parent, LinkState::up));
        undo_.push("setting " + parent.name + " down",
                   [&network, parent] { return network.set_link_state(parent, LinkState::down); });
    }
    TRY(network.add_vlan(vlan.name, parent, vlan.id));
    undo_.push("removing " + vlan.name, [&network, name = vlan.name] { return network.remove_link(name); });
    made_.insert(vlan.name);
    carriers_.push_back(parent);
    return {};
}

/// The kernel refuses a VLAN an MTU above its parent's.
Result<> StackedLinks::raise_mtu(const Link& parent) {
    uint32_t wanted = parent.mtu;
    for (const VlanArgument& vlan : vlans_)
        if (vlan.parent == parent.name) wanted = std::max(wanted, vlan.mtu.value_or(0));
    if (wanted == parent.mtu) return {};
    Network& network = system_.network();
    TRY(network.set_mtu(parent, wanted));
    undo_.push("giving " + parent.name + " its MTU back",
               [&network, parent] { return network.set_mtu(parent, parent.mtu); });
    return {};
}

Result<bool> StackedLinks::fill_bond(const BondArgument& bond, const std::vector<Link>& links) {
    bool has_changed = false;
    // One that was there before is somebody else's.
    bool is_there = std::ranges::find(links, bond.name, &Link::name) != links.end();
    if (is_there && !is_made_here(bond.name)) return false;
    for (const Link& link : links) {
        if (!has_port(bond, link.name) || ports_.contains(link.name)) continue;
        if (!is_made_here(bond.name)) TRY(make_bond(bond), "making the bond ", bond.name);
        TRY(add_port(bond, link), "making the bond ", bond.name);
        has_changed = true;
    }
    return has_changed;
}

/// Such an option can be set once that port has joined.
static bool names_a_port(const BondArgument::Option& option) {
    return option.name == "primary" || option.name == "active_slave";
}

static std::string attribute_of(const BondArgument& bond, std::string_view option) {
    return text("/sys/class/net/", bond.name, "/bonding/", option);
}

Result<> StackedLinks::make_bond(const BondArgument& bond) {
    constexpr const char* kBonds = "/sys/class/net/bonding_masters";
    // By itself the module makes a bond0.
    TRY(system_.load_module("bonding", "max_bonds=0"));
    TRY(system_.write_attribute(kBonds, "+" + bond.name));
    undo_.push("removing " + bond.name,
               [this, name = bond.name] { return system_.write_attribute(kBonds, "-" + name); });
    made_.insert(bond.name);
    for (const BondArgument::Option& option : bond.options)
        if (!names_a_port(option)) set_option(bond, option);
    return {};
}

/// One that this kernel does not take is no reason to go without the bond.
void StackedLinks::set_option(const BondArgument& bond, const BondArgument::Option& option) {
    Result<> set = system_.write_attribute(attribute_of(bond, option.name), option.value);
    if (!set) log_warning(bond.name, ": ", set.error().what, ", ignoring");
}

/// A port must be down when it joins, and is set up with the bond.
Result<> StackedLinks::add_port(const BondArgument& bond, const Link& port) {
    Network& network = system_.network();
    if (port.state == LinkState::up) TRY(network.set_link_state(port, LinkState::down));
    TRY(system_.write_attribute(attribute_of(bond, "slaves"), "+" + port.name));
    ports_.insert(port.name);
    carriers_.push_back(port);
    for (const BondArgument::Option& option : bond.options)
        if (names_a_port(option) && option.value == port.name) set_option(bond, option);
    bool is_first =
        std::ranges::count_if(bond.ports, [&](const std::string& name) { return ports_.contains(name); })
        == 1;
    if (!bond.mtu || !is_first) return {};
    for (const Link& link : TRY(network.links()))
        if (link.name == bond.name) TRY(network.set_mtu(link, *bond.mtu));
    return {};
}

} // namespace mangrove
