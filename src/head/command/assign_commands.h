#pragma once

#include <string>
#include <vector>

#include "head/command/call.h"
#include "head/publish/assigning.h"

namespace mangrove::head {

Outcome<> assign(Call& call, const std::string& reference, const std::vector<std::string>& nodes, Run run,
                 Scripts scripts);
Outcome<> unassign(Call& call, const std::vector<std::string>& nodes, Run run);
Outcome<> assigned(Call& call);

} // namespace mangrove::head
