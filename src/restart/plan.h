#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "system/system.h"

namespace mangrove {

/// A file of the head node, and its SHA-256.
struct PlannedFile {
    std::string url;
    std::string digest;
};

/// The boot that the head node has for this node, as its boot script says it (GET /n/boot).
struct Plan {
    std::string definition; ///< URL
    PlannedFile kernel;
    std::string kernel_version;         ///< as the kernel names itself: "6.12.43 (builder@host) #1 SMP …"
    std::vector<PlannedFile> initramfs; ///< archives, one behind the other
    std::vector<std::string> arguments;
};

Result<Plan> parse_plan(const std::string& written);

/// Fetches the plan for a release, or for the one that the head node would serve, from the head node that
/// the running kernel's command line names.
Result<Plan> fetch_plan(System& system, const std::string& release);

/// Returns the plan's arguments with the card that the firmware booted from, which the firmware's script
/// adds.
Result<std::string> arguments_of(System& system, const Plan& plan);

/// Checks that the running kernel is the one of the plan, with its arguments; those that a boot loader adds,
/// and Mangrove's own, do not count.
Result<> check_kernel(System& system, const Plan& plan);

} // namespace mangrove
