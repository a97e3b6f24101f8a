#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "status/status.h"
#include "system/linux/program.h"
#include "system/system.h"

namespace mangrove {

/// The health of the running node (docs/report.md).
struct Health {
    std::string boot_id = {};
    std::string system = {}; ///< the word of `systemctl is-system-running`; empty: there is no systemd
    std::vector<std::string> failed_units = {};
    std::vector<std::string> problems = {}; ///< those of `mangrove status`
    std::vector<EndedProgram> programs = {};
};

/// `directory`: that of the site's health programs.
Result<Health> look_at_health(System& system, const SpaceOf& space_of, const std::string& directory);
std::string health_json(const Health& health);

} // namespace mangrove
