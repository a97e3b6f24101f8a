#pragma once

#include <optional>
#include <string>

#include "base/host_port.h"
#include "head/nodes/inventory.h"

namespace mangrove::head {

/// The controller that switches a node on and off, as the node's `bmc` says.
struct Bmc {
    std::string node;
    std::string kind; ///< "ipmi", "redfish", "powerman"
    HostPort address;
    std::string user = {};
    std::string secret = {}; ///< name of the secret that is its password
    std::string ca = {};     ///< file with the authority of its certificate; "insecure": it is not checked
    std::string system = {}; ///< the node's name there; empty: the only system, or the node's own name
    std::string uuid = {};   ///< of the node
};

/// Returns the BMC of a node; nothing where it has none. Errors name the field that is missing or odd, but
/// not the node.
Result<std::optional<Bmc>> bmc_of(const Inventory& inventory, const std::string& node);

/// Whether a node has a BMC that can be asked, as far as the database tells.
bool has_bmc(const Inventory& inventory, const std::string& node);

} // namespace mangrove::head
