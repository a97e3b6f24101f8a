#pragma once

#include <set>

#include "base/undo.h"
#include "net/stacked_argument.h"
#include "system/network.h"
#include "system/system.h"

namespace mangrove {

/// The links that `vlan=` and `bond=` put on top of others. Makes each when the first of its lower links
/// exists, and adds ports to a bond as they appear. Removes them on destruction, unless `keep` was called.
class StackedLinks {
  public:
    StackedLinks(System& system, std::vector<VlanArgument> vlans, std::vector<BondArgument> bonds)
        : system_(system), vlans_(std::move(vlans)), bonds_(std::move(bonds)) {}

    /// Makes the links whose lower links are in `links`, the current ones. Returns true if something was made
    /// or changed.
    Result<bool> make(const std::vector<Link>& links);
    /// Returns whether another link is on top of it, so that it is not configured itself.
    bool carries_another(const std::string& name) const;
    bool is_made_here(const std::string& name) const { return made_.contains(name); }
    /// Returns whether it is on the card with that address, directly or over other links.
    bool stands_on(const std::string& name, const MacAddress& card) const;
    /// Returns the lower links, as they were before.
    const std::vector<Link>& carriers() const { return carriers_; }
    void keep() { undo_.keep(); }

  private:
    Result<> make_vlan(const VlanArgument& vlan, const Link& parent);
    Result<> raise_mtu(const Link& parent);
    Result<> make_bond(const BondArgument& bond);
    void set_option(const BondArgument& bond, const BondArgument::Option& option);
    Result<> add_port(const BondArgument& bond, const Link& port);
    Result<bool> fill_bond(const BondArgument& bond, const std::vector<Link>& links);

    System& system_;
    std::vector<VlanArgument> vlans_;
    std::vector<BondArgument> bonds_;
    std::set<std::string> made_;  ///< names of links
    std::set<std::string> ports_; ///< that have joined their bond
    std::vector<Link> carriers_;
    Undo undo_;
};

} // namespace mangrove
