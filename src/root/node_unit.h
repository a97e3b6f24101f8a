#pragma once

#include <optional>
#include <string>

#include "definition/definition.h"
#include "net/bring_up.h"
#include "system/system.h"

namespace mangrove {

/// Returns a URL of the definition with this node's values for its placeholders.
Result<std::string> url_of_node(System& system, const definition::Definition& definition,
                                const std::optional<NetworkConfiguration>& network,
                                const std::string& written);

/// Prepares this program to run as a unit that talks to a server: puts it below /run with the certificates by
/// which the server is judged, and writes what it needs to know to a file for root alone.
Result<> install_client(System& system, const std::string& url, const std::string& settings_path,
                        const std::string& settings);

/// Writes a unit of the running system and has multi-user.target start it.
Result<> install_unit(System& system, const std::string& name, std::string_view written);

} // namespace mangrove
