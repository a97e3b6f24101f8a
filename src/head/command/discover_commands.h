#pragma once

#include "head/command/node_commands.h"

namespace mangrove::head {

/// Lists machines that asked mangrove-head for a boot and are no nodes.
Outcome<> list_discovered(Call& call);
/// Makes nodes of machines, which are given by MAC addresses or `all`, with the next free of `names`.
Outcome<> accept_discovered(Call& call, const Writing& writing, const std::vector<std::string>& machines,
                            const std::string& names, const std::vector<std::string>& assignments);
/// Enrols the TPMs of nodes that asked.
Outcome<> enroll_tpms(Call& call, const Writing& writing, const std::string& nodes);
Outcome<> forget_discovered(Call& call, const std::vector<std::string>& machines);

} // namespace mangrove::head
