#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "head/image/store.h"

namespace mangrove::head {

/// How a definition gets to the nodes.
enum class OutputFormat {
    definition, ///< the JSON itself
    argument,   ///< for the kernel command line
    dnsmasq,    ///< lines for its configuration: DHCP option 224
    kea,        ///< the same for Kea
    ipxe,       ///< a script that boots the image's kernel
};

/// "definition", "argument", …
std::vector<std::string> output_format_names();
Result<OutputFormat> output_format_from(const std::string& name);

Result<std::string> render(const std::string& definition, const Image& image, OutputFormat format);

} // namespace mangrove::head
