#pragma once

#include <string>

#include "base/result.h"
#include "boot/boot.h"

namespace mangrove {

/// Returns the timeline of the boot as JSON; docs/report.md explains each key. `name` is the definition's.
std::string report_text(const std::string& name, const Timeline& timeline, Time now,
                        uint64_t peak_resident_bytes, uint64_t received_bytes);

/// Returns the report of this boot as far as it came.
std::string report_text(Boot& boot, const std::string& name);

/// Writes the report of this boot. It holds no secrets: names of steps and errors have none.
Result<> write_report(Boot& boot, const std::string& name);

} // namespace mangrove
