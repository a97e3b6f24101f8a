#pragma once

#include <chrono>
#include <filesystem>
#include <string>

#include "head/host/lock.h"

namespace mangrove::head {

/// Where the images, the records of what is served, and what nodes load when they start lie.
struct Directories {
    std::filesystem::path images = "/var/lib/mangrove/images";
    std::filesystem::path publications = "/var/lib/mangrove/publications";
    std::filesystem::path targets = "/var/lib/mangrove/targets";
    /// Of nodes and groups: a file, or a URL.
    std::string database = "/var/lib/mangrove/nodes.db";
    std::filesystem::path boot = "/srv/mangrove";
    std::filesystem::path socket = "/run/mangrove-head/api"; ///< of mangrove-head
    std::chrono::seconds lock_timeout = kLockTimeout;        ///< for another run that has the records
};

} // namespace mangrove::head
