#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "base/result.h"

namespace mangrove::head {

/// The files of the head node's own certificate authority, in one directory.
struct Authority {
    std::filesystem::path certificate; ///< of the authority (PEM)
    std::filesystem::path key;         ///< its key
    std::filesystem::path server;      ///< the server's certificate and key, in one file (PEM)
    std::string token_key = {};        ///< of the passwords of nodes
    std::filesystem::path archive;     ///< cpio with the certificate at kAuthorityPath, for the initramfs
};

/// Makes the authority where there is none, and a server's certificate where there is none, or where it has
/// other addresses or ends within 30 days. Certificates begin in 2020, for the clocks of nodes may be late.
Result<Authority> prepare_authority(const std::filesystem::path& directory,
                                    const std::vector<std::string>& addresses);

} // namespace mangrove::head
