#pragma once

#include <string>
#include <vector>

#include "system/system.h"

namespace mangrove {

/// Posts the report of this boot where the boot left word that it goes: at a random moment of the time that
/// the nodes' reports spread over, then again with backoff for an hour while the server is away.
Result<> post_report(System& system);

/// `mangrove post-report`, which systemd starts. Exit status 75 when the server was away all the time, 1 when
/// the report can't be posted.
int run_post_report(const std::vector<std::string>& arguments);

} // namespace mangrove
