#pragma once

#include <optional>
#include <string>

#include "definition/definition.h"
#include "net/bring_up.h"
#include "system/system.h"

namespace mangrove {

/// The file with the report's URL, for the program that posts it on the running node. Only root may read it:
/// the URL may hold a password.
inline constexpr const char* kReportPostPath = "/run/mangrove/report-post.json";
/// The CA certificates for an https server; the initramfs is gone then.
inline constexpr const char* kReportAuthorities = "/run/mangrove/report-ca.pem";
/// Exists when the report was posted, so that it is not posted again.
inline constexpr const char* kReportPosted = "/run/mangrove/report-posted";

/// Returns the definition's `report` with this node's values for its placeholders; nothing when it has none,
/// or when something is missing, which is logged: the boot does not depend on it.
std::optional<definition::Report> report_of_node(System& system, const definition::Definition& definition,
                                                 const std::optional<NetworkConfiguration>& network);

/// Installs a unit that posts the report when systemd has reached multi-user.target.
Result<> install_report_unit(System& system, const definition::Report& report);

} // namespace mangrove
