#pragma once

#include <string>
#include <vector>

#include "head/nodes/inventory.h"
#include "head/power/device.h"

namespace mangrove::head {

/// The answer of a node's BMC.
struct PowerAnswer {
    std::string node;
    std::string address = {}; ///< of the BMC; empty where the node has none
    Result<PowerState> power = PowerState::unknown;
};

/// "bmc 10.0.0.1: wrong password; set bmc.secret", without the node; empty: there is none
std::string problem_of(const PowerAnswer& answer);

/// Gives an order to the BMC of a node. Never shows the password, also not in an error.
PowerAnswer order_power(Database& database, const Inventory& inventory, const std::string& node,
                        PowerOrder order, const IsMeant& is_meant = {});

/// The same for several nodes at once. The answers are in the order of the nodes.
std::vector<PowerAnswer> order_power(Database& database, const Inventory& inventory,
                                     const std::vector<std::string>& nodes, PowerOrder order);

std::vector<std::string> nodes_that_are_off(const std::vector<PowerAnswer>& answers);

/// Returns what commands and the API show of an answer.
Json description_of(const PowerAnswer& answer);

/// Nodes with the same answer.
struct FoldedAnswer {
    std::string line; ///< "n[001-010]: on", "n[1-2]: bmc 10.0.0.[1-2]: wrong password; set bmc.secret"
    bool is_problem = false;
};
std::vector<FoldedAnswer> fold(const std::vector<PowerAnswer>& answers);

} // namespace mangrove::head
