#pragma once

#include <functional>
#include <string_view>

#include "system/linux/program.h"
#include "system/system.h"

namespace mangrove {

using RunProgram = std::function<EndedProgram(std::vector<std::string> words)>;

/// The head node has taken a post of the node's health. Where the node is on probation, its time begins
/// again; with the answer "committed" the probation is passed, and the hardware watchdog is given up that was
/// there for it: a systemd that waits for a server of the root pets none.
Result<> note_answer(System& system, std::string_view answer, const RunProgram& run);

} // namespace mangrove
