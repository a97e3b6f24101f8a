#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/undo.h"
#include "boot/boot.h"
#include "definition/definition.h"
#include "machine/guard_arguments.h"

namespace mangrove {

/// The directory that becomes `/`, assembled but not yet switched to. Takes everything back on destruction,
/// unless `undo.keep()` was called.
struct Root {
    std::string path;
    Undo undo;
    std::string name = {};                             ///< of its definition
    std::vector<std::string> command = {};             ///< the program to start in it, and its arguments
    std::string replaced = "/run/mangrove/replaced";   ///< directory of files that hide those of the root
    std::vector<std::string> written = {};             ///< files of the root that were written, from its `/`
    std::optional<definition::Report> report = {};     ///< where that of the boot goes, from `hand_over`
    std::optional<definition::NodeServer> files = {};  ///< where its live files come from, from `hand_over`
    std::optional<definition::NodeServer> health = {}; ///< where its health is posted to, from `hand_over`
};

/// Attaches and mounts what the definition names, and checks that the machine can switch to it: the
/// directories for the kernel's file systems exist, `command` is a program, and the connections are alive.
Result<Root> assemble(Boot& boot, const definition::Definition& definition);

/// Returns `result`, or a transient error when a connection of the root was lost meanwhile: a retry with a
/// new one may work. Nothing reconnects before the keeper starts.
Result<> check_connections(Boot& boot, Result<> result);

/// Prepares the running system: host name, a stable machine-id, an fstab that fits this node, and the network
/// for its manager in the root.
Result<> hand_over(Boot& boot, const definition::Definition& definition, Root& root);

/// Adds the probation to what goes on beside the root, so that it ends a system that does not start, too.
void keep_probation(Boot& boot, const Root& root, const GuardArguments& guard);

/// Returns whether the root's command is the one that other initramfses, and systemd, start.
bool has_default_command(System& system, const Root& root);

/// Makes the root `/`, writes the report and starts its command; returns only on failure.
Result<> switch_root(Boot& boot, Root& root);

/// Leaves the root for the initramfs's own init to switch to, starts its keeper and writes the report.
Result<> leave_root(Boot& boot, Root& root);

} // namespace mangrove
