#pragma once

#include <string>
#include <vector>

#include "root/root.h"
#include "system/system.h"

/// The profile of a boot (docs/profiles.md): which files it reads, so that an image can be laid out by it.
namespace mangrove {

/// Starts to record what the boot reads, and installs the unit that posts it, where the kernel argument
/// `mangrove.profile=record` asks for it. A failure is logged: no boot depends on it.
void record_profile(const Boot& boot, const Root& root);

/// Returns the profile of files that were read. Those whose names are not UTF-8 are left out, and the last
/// ones where it becomes too large for a head node.
std::string profile_text(const std::string& name, const std::string& release,
                         const std::vector<ReadFile>& files);

/// Returns where the profile of a node goes whose report goes to this URL; empty: nowhere.
std::string profile_url(const std::string& report_url);

/// Ends the recording, waits for the profile and posts it, where there is a head node.
Result<> post_profile(System& system);

/// Runs `mangrove post-profile`, which systemd starts. Returns 75 when the server was away all the time, 1
/// when there is no profile or it cannot be posted.
int run_post_profile(const std::vector<std::string>& arguments);

} // namespace mangrove
