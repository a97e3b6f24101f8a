#pragma once

#include <string>
#include <vector>

#include "head/command/call.h"
#include "head/operations/releases.h"

namespace mangrove::head {

Outcome<> release_make(Call& call, const ReleaseRequest& request);
Outcome<> release_list(Call& call);
Outcome<> release_show(Call& call, const std::string& reference);
/// Prints a line for each difference. `different`: whether there is one.
Outcome<> release_diff(Call& call, const std::string& before, const std::string& after, bool& different);
Outcome<> release_remove(Call& call, const std::string& reference);

/// An error where a release has a publication that the reference means.
Result<> check_unreleased(const Call& call, const std::string& reference);
/// An error where a release has a revision of the set.
Result<> check_files_unreleased(Database& database, const std::string& set);

} // namespace mangrove::head
