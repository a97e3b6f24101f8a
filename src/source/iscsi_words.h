#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "source/translation.h"

namespace mangrove {

/// The settings of dracut's `rd.iscsi.…`, which apply to all targets.
struct IscsiSettings {
    std::string initiator;
    std::string credentials[4];          ///< user, password, and those of the target
    std::vector<std::string> parameters; ///< "node.session.queue_depth=32", as iscsiadm(8) has them
};

/// The attachment that
///   [USER:PASSWORD[:USER:PASSWORD]@][SERVER]:[PROTOCOL]:[PORT]:[[INTERFACE]:[DEVICE]:][LUN]:TARGET
/// stands for: RFC 4173 with the extensions of dracut.cmdline(7). The second user and password are the
/// target's; interface and device are not used. The error says nothing of a password.
Result<Json> iscsi_attachment(std::string_view written, const IscsiSettings& settings,
                              Translation& translation);

/// Adds the portals of further attachments to the first when they are the same LUN; iPXE takes several URIs
/// for the paths to one. Notes attachments of another LUN.
void add_portals(cJSON* first, const std::vector<Json>& further, Translation& translation);

} // namespace mangrove
