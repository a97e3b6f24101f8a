#pragma once

#include <string>

#include "boot/boot.h"

namespace mangrove {

/// Posts the report of a boot that failed to `boot.report_url`, with the error and the end of the kernel's
/// log, for a few seconds while the server is away. Does nothing where there is no URL.
Result<> post_failure(Boot& boot, const Error& error);

} // namespace mangrove
