#pragma once

#include <string>

#include "head/publish/publish.h"

namespace mangrove::head {

/// How a definition gets to the nodes.
enum class Handout {
    definition, ///< the JSON itself
    argument,   ///< for the kernel command line
    dnsmasq,    ///< lines for its configuration: DHCP option 224
    kea,        ///< the same for Kea
    ipxe,       ///< a script that boots the image's kernel
};

/// "definition", "argument", …
std::vector<std::string> handout_names();
Result<Handout> handout_from(const std::string& name);

Result<std::string> hand_out(const std::string& definition, const Image& image, Handout handout);

} // namespace mangrove::head
