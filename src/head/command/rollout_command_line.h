#pragma once

#include "head/command/command_line.h"

namespace mangrove::head {

void add_rollout_commands(CommandLine& line);

} // namespace mangrove::head
