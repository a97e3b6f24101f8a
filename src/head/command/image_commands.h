#pragma once

#include <string>

#include "head/command/call.h"
#include "head/image/change.h"
#include "head/image/pull.h"
#include "head/publish/prune.h"

namespace mangrove::head {

Outcome<> image_build(Call& call, BuildRequest request);
Outcome<> image_pull(Call& call, const PullRequest& request);
Outcome<> image_change(Call& call, ChangeRequest request);
Outcome<> image_list(Call& call);
Outcome<> image_show(Call& call, const std::string& reference);
/// `different`: whether they differ.
Outcome<> image_diff(Call& call, const std::string& before, const std::string& after, bool& different);
Outcome<> image_remove(Call& call, const std::string& reference);
Outcome<> image_prune(Call& call, const PruneRequest& request);

} // namespace mangrove::head
