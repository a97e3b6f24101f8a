#pragma once

#include <set>

#include "base/undo.h"
#include "net/stacked_argument.h"
#include "system/network.h"
#include "system/system.h"

namespace mangrove {

/// The links that `vlan=` and `bond=` put on top of others. Each is made once the first of those below it is
/// there; ports of a bond join it as they appear. They are removed again when this is destroyed, unless
/// `keep` was called.
class StackedLinks {
  public:
    StackedLinks(System& system, std::vector<VlanArgument> vlans, std::vector<BondArgument> bonds)
        : system_(system), vlans_(std::move(vlans)), bonds_(std::move(bonds)) {}

    /// `links` are those that there are now. True if something was made or changed.
    Result<bool> make(const std::vector<Link>& links);
    /// Another link stands on it, so it is not to be configured by itself.
    bool carries_another(const std::string& name) const;
    bool is_made_here(const std::string& name) const { return made_.contains(name); }
    /// Whether it is on the card with that address, with others in between or not.
    bool stands_on(const std::string& name, const MacAddress& card) const;
    /// The links that others were put on, as they were before.
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
