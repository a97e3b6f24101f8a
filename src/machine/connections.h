#pragma once

#include <optional>

#include "system/system.h"

namespace mangrove {

/// How many TCP connections of this machine are established (proc_net_tcp(5)): all, or those to a port. An
/// error where the kernel does not tell.
Result<size_t> count_connections(System& system, std::optional<uint16_t> to_port = std::nullopt);

} // namespace mangrove
