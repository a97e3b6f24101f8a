#pragma once

#include <filesystem>
#include <string>

#include "base/result.h"
#include "ctl/build.h"
#include "ctl/lock.h"

namespace mangrove::ctl {

/// Where the images, the records of what is served, and what nodes load when they start lie.
struct Directories {
    std::filesystem::path images = "/var/lib/mangrove/images";
    std::filesystem::path publications = "/var/lib/mangrove/publications";
    std::filesystem::path targets = "/var/lib/mangrove/targets";
    std::filesystem::path boot = "/srv/mangrove";
    std::chrono::seconds lock_timeout = kLockTimeout; ///< for another run that has the records
};

enum class Form { table, json };

/// Held by a run that needs that nothing is published or unpublished meanwhile; waits for other runs.
Result<UniqueFd> lock_publications(const Directories& directories);

/// What each prints goes to standard output.
Result<> image_build(const Directories& directories, BuildRequest request, Form form);
Result<> image_list(const Directories& directories, Form form);
Result<> image_show(const Directories& directories, const std::string& reference, Form form);
/// True when they differ.
Result<bool> image_diff(const Directories& directories, const std::string& before, const std::string& after);
Result<> image_remove(const Directories& directories, const std::string& reference);

} // namespace mangrove::ctl
