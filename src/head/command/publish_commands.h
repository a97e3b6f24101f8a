#pragma once

#include <optional>
#include <string>

#include "head/command/call.h"
#include "head/command/sign_commands.h"
#include "head/publish/assigning.h"
#include "head/publish/output_format.h"
#include "head/publish/publishing.h"

namespace mangrove::head {

/// Whether `published` fails where something is not served.
enum class Unserved { is_shown, is_error };

/// `signing`: how the definition is signed; nothing: not at all.
Outcome<> publish(Call& call, const PublishRequest& request, const std::string& reference, Run run,
                  OutputFormat format, Reach reach, const std::optional<Signing>& signing);
Outcome<> unpublish(Call& call, const std::string& reference, Run run, InUse in_use);
Outcome<> published(Call& call, Unserved unserved);
Outcome<> show_published(Call& call, const std::string& reference, OutputFormat format);
Outcome<> restore(Call& call);

} // namespace mangrove::head
