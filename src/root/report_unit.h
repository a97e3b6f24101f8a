#pragma once

#include <optional>
#include <string>

#include "definition/definition.h"
#include "net/bring_up.h"
#include "system/system.h"

namespace mangrove {

/// Where the report of this boot goes, for the program that posts it on the running node. For root alone: the
/// URL may hold a password.
inline constexpr const char* kReportPostPath = "/run/mangrove/report-post.json";
/// The certificates of the authorities that an https server is judged by; the initramfs is gone then.
inline constexpr const char* kReportAuthorities = "/run/mangrove/report-ca.pem";
/// There once it was posted: it is not posted again.
inline constexpr const char* kReportPosted = "/run/mangrove/report-posted";

/// The definition's `report` with what its placeholders stand for on this node; nothing when it has none, or
/// when something that it needs is missing, which is logged: the boot does not depend on it.
std::optional<definition::Report> report_of_node(System& system, const definition::Definition& definition,
                                                 const std::optional<NetworkConfiguration>& network);

/// Has systemd post the report when it has reached multi-user.target.
Result<> install_report_unit(System& system, const definition::Report& report);

} // namespace mangrove
