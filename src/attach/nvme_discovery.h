#pragma once

#include <string>
#include <vector>

#include "attach/nvme_controller.h"
#include "base/result.h"
#include "system/system.h"

namespace mangrove {

/// A subsystem that a discovery controller lists.
struct NvmeSubsystem {
    std::string name; ///< its NQN
    std::string host;
    uint16_t port = 0;
    bool operator==(const NvmeSubsystem&) const = default;
};

/// Returns the subsystems over TCP in a discovery log page (NVM Express Base Specification 2.0, 5.16.1.23).
/// Skips invalid entries.
std::vector<NvmeSubsystem> subsystems_in(std::string_view log_page);

/// Asks the discovery controller that `connection` leads to for its subsystems, and disconnects from it.
Result<std::vector<NvmeSubsystem>> discover_nvme(System& system, NvmeConnection connection);

} // namespace mangrove
