#pragma once

#include <string>

#include "ctl/handout.h"
#include "ctl/image_commands.h"

namespace mangrove::ctl {

enum class Run { dry, real };

/// What each prints goes to standard output.
Result<> publish(const Directories& directories, PublishRequest request, const std::string& reference,
                 Run run, Handout handout);
/// `reference`: of a publication, or of an image, all of whose publications are meant.
Result<> unpublish(const Directories& directories, const std::string& reference, Run run);
Result<> list_published(const Directories& directories, Form form);
Result<> show_published(const Directories& directories, const std::string& reference, Handout handout);

} // namespace mangrove::ctl
