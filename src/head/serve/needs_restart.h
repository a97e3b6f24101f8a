#pragma once

#include <map>
#include <string>
#include <vector>

#include "head/serve/boot_reports.h"
#include "head/serve/boot_table.h"

namespace mangrove::head {

/// Nodes by NodeOrder, below what is said of them.
using NodesByReason = std::map<std::string, std::vector<std::string>>;

struct NeedsRestart {
    NodesByReason reasons = {}; ///< why nodes need a restart; one node may have several
    NodesByReason unknown = {}; ///< why it is not known of others
};

/// Compares what nodes booted, as their reports say, with what they would be served now: the release, the
/// kernel, the initramfs and their arguments, and the definition with the digests of the rendered files.
NeedsRestart needs_restart(const BootTable& table, const std::vector<std::string>& nodes,
                           const BootReports& reports);

} // namespace mangrove::head
