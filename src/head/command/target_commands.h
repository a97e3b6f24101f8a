#pragma once

#include <string>

#include "head/command/call.h"
#include "head/target/targets.h"

namespace mangrove::head {

enum class TargetFact { host, port, iqn };

/// `target`: its name.
Outcome<> target_start(Call& call, const Target& asked);
Outcome<> target_stop(Call& call, const std::string& target, InUse in_use);
Outcome<> target_show(Call& call, const std::string& target, TargetFact fact);
Outcome<> target_add_lun(Call& call, const std::string& target, const LunRequest& request);
Outcome<> target_remove_lun(Call& call, const std::string& target, const std::string& lun);
Outcome<> target_list_luns(Call& call, const std::string& target);
Outcome<> target_upload(Call& call, const std::string& target, const LunRequest& request);

} // namespace mangrove::head
