#pragma once

#include <string>
#include <vector>

#include "system/system.h"

namespace mangrove {

struct Posting;

/// Posts until the server has it, refuses it or was away for an hour.
Result<> keep_posting(System& system, const std::string& url, const Posting& posting);

/// Posts the report of this boot to the recorded URL: at a random moment of `spread`, then with backoff for
/// an hour while the server is away.
Result<> post_report(System& system);

/// Runs `mangrove post-report`, which systemd starts. Returns 75 when the server was away all the time, 1
/// when the report cannot be posted.
int run_post_report(const std::vector<std::string>& arguments);

} // namespace mangrove
