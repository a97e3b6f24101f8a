#pragma once

#include <optional>

#include "definition/definition.h"
#include "net/bring_up.h"
#include "system/system.h"

namespace mangrove {

/// A unit of the running node that asks a server time and again.
struct ServerUnit {
    std::optional<definition::NodeServer> definition::Definition::*server; ///< of the definition
    const char* key;                                                       ///< its name there
    const char* without;  ///< the consequence where this node has no URL for it
    const char* settings; ///< the file in which the program of the unit finds the server
    const char* name;     ///< "mangrove-files.service"
    const char* text;
};
/// Keeps files of the running node as their server has them (docs/files.md).
extern const ServerUnit kFilesUnit;
/// Posts the health of the running node (docs/report.md).
extern const ServerUnit kHealthUnit;

/// Returns the definition's server with this node's values for its placeholders; nothing when it has none, or
/// when something is missing, which is logged: the boot does not depend on it.
std::optional<definition::NodeServer> server_of_node(System& system, const ServerUnit& unit,
                                                     const definition::Definition& definition,
                                                     const std::optional<NetworkConfiguration>& network);
Result<> install_server_unit(System& system, const ServerUnit& unit, const definition::NodeServer& server);

/// Reads the server as `/init` has recorded it.
Result<definition::NodeServer> read_server(System& system, const ServerUnit& unit);

} // namespace mangrove
