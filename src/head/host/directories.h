#pragma once

#include <chrono>
#include <filesystem>

#include "head/host/lock.h"

namespace mangrove::head {

/// Where the images, the records of what is served, and what nodes load when they start lie.
struct Directories {
    std::filesystem::path images = "/var/lib/mangrove/images";
    std::filesystem::path publications = "/var/lib/mangrove/publications";
    std::filesystem::path targets = "/var/lib/mangrove/targets";
    std::filesystem::path database = "/var/lib/mangrove/nodes.db"; ///< of nodes and groups
    std::filesystem::path boot = "/srv/mangrove";
    std::chrono::seconds lock_timeout = kLockTimeout; ///< for another run that has the records
};

} // namespace mangrove::head
