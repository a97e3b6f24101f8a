#pragma once

#include <string>

#include "head/command/call.h"
#include "head/publish/assigning.h"
#include "head/publish/output_format.h"
#include "head/publish/publishing.h"

namespace mangrove::head {

/// Whether `published` fails where something is not served.
enum class Unserved { is_shown, is_error };

Outcome<> publish(Call& call, const PublishRequest& request, const std::string& reference, Run run,
                  OutputFormat format, Reach reach);
Outcome<> unpublish(Call& call, const std::string& reference, Run run, InUse in_use);
Outcome<> published(Call& call, Unserved unserved);
Outcome<> show_published(Call& call, const std::string& reference, OutputFormat format);
Outcome<> restore(Call& call);

} // namespace mangrove::head
