#pragma once

#include <string>
#include <vector>

#include "head/nodes/inventory.h"

/// Nodes as servers of names and addresses see them.
namespace mangrove::head {

/// One interface, under the name that it has on the network.
struct Port {
    std::string host;
    std::vector<std::string> macs = {}; ///< of Ethernet
    std::string address = {};           ///< IPv4
    std::string address6 = {};
};

struct Machine {
    std::string name;
    std::vector<std::string> groups = {}; ///< all that it is in
    std::vector<Port> ports = {};         ///< the primary one first
    std::string slurm = {};               ///< the value `slurm`, as JSON; empty: none
};

struct Machines {
    std::vector<Machine> all = {}; ///< by NodeOrder
    std::vector<std::string> warnings = {};
};

/// The primary interface has the name of the node, each other one "NODE-INTERFACE". Error where two nodes
/// have the same address, or a name would be there twice.
Result<Machines> machines_of(const Inventory& inventory);

} // namespace mangrove::head
