#pragma once

#include <string>
#include <vector>

#include "head/host/directories.h"
#include "head/host/progress.h"
#include "head/publish/assignment.h"

/// The operations on what nodes are assigned.
namespace mangrove::head {

/// Whether something is changed, or only shown.
enum class Run { dry, real };
/// Whether the scripts that lead nodes to what they are assigned have to be in the boot directory.
enum class Scripts { must_be_there, may_be_missing };

struct AssignmentChange {
    std::string node;
    std::string before; ///< a publication; empty: nothing
    std::string after;
};

struct Assigned {
    std::vector<AssignmentChange> changes;
    std::vector<std::string> warnings = {};
};

/// Has nodes boot a publication from their next start on. `reference`: of it, or of an image that is
/// published once.
Result<Assigned> assign(const Directories& directories, const std::string& reference,
                        const std::vector<std::string>& nodes, Run run, Scripts scripts, Progress& progress);
/// Has nodes boot what those without an image of their own do.
Result<Assigned> unassign(const Directories& directories, const std::vector<std::string>& nodes, Run run,
                          Progress& progress);

} // namespace mangrove::head
