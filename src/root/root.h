#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/undo.h"
#include "definition/definition.h"
#include "net/bring_up.h"
#include "system/system.h"

namespace mangrove {

/// The directory that becomes `/`, assembled and not yet switched to. Everything is taken back when it is
/// destroyed, unless `undo.keep()` was called.
struct Root {
    std::string path;
    Undo undo;
    std::string name = {};                         ///< of its definition
    std::vector<std::string> command = {};         ///< the program to start in it, and its arguments
    std::vector<std::string> written = {};         ///< files of the root that were written, from its `/`
    std::optional<definition::Report> report = {}; ///< where that of the boot goes, from `hand_over`
};

/// Attaches and mounts what the definition names, and checks that it can be switched to: the directories for
/// the kernel's file systems are there, `command` is a program, and the connections are alive.
Result<Root> assemble(System& system, const definition::Definition& definition);

/// `result`, or a failure that may pass when a connection of the root was lost meanwhile: over a new one it
/// may work. Nobody makes it anew before the keeper does.
Result<> check_connections(System& system, Result<> result);

/// Prepares the running system for the life without us: host name, a stable machine-id, an fstab that fits
/// this node, and the network for what manages it there.
Result<> hand_over(System& system, const definition::Definition& definition, Root& root,
                   const std::optional<NetworkConfiguration>& network);

/// Makes the root `/`, writes the report and starts its command; returns only on failure.
Result<> switch_root(System& system, Root& root);

/// Leaves the root where it is, for the initramfs's own init to switch to, starts its keeper and writes the
/// report.
Result<> leave_root(System& system, Root& root);

} // namespace mangrove
